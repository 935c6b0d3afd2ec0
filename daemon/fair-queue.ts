/** A queue in which everybody gets their turn, however much somebody else has put in. */

export type FairQueue<T> = {
  readonly push: (lane: string, item: T) => void
  /** One item of the lane whose turn it is; within a lane in order. */
  readonly take: () => T | undefined
  readonly size: () => number
}

export const createFairQueue = <T>(): FairQueue<T> => {
  /** The lane whose turn it is stands first. Items are taken by index, so that a long lane is not moved each time. */
  const lanes = new Map<string, { items: T[]; next: number }>()
  let size = 0
  return {
    push: (name, item) => {
      const lane = lanes.get(name)
      if (lane === undefined) lanes.set(name, { items: [item], next: 0 })
      else lane.items.push(item)
      size += 1
    },
    take: () => {
      const [first] = lanes
      if (first === undefined) return undefined
      const [name, lane] = first
      const item = lane.items[lane.next]
      lane.next += 1
      size -= 1
      lanes.delete(name)
      if (lane.next > 1024) {
        lane.items = lane.items.slice(lane.next)
        lane.next = 0
      }
      if (lane.next < lane.items.length) lanes.set(name, lane)
      return item
    },
    size: () => size,
  }
}
