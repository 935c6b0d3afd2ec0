/** Times at which something is due, earliest first: a binary heap, whose order never depends on insertion. */
import type { Point } from './types.ts'

export type Timer = {
  readonly at: number
  readonly kind: 'late' | 'retry'
  readonly point: Point
  readonly task: string
}

export type Timers = {
  readonly add: (timer: Timer) => void
  readonly peek: () => Timer | undefined
  readonly pop: () => Timer | undefined
}

const isBefore = (a: Timer, b: Timer): boolean => {
  if (a.at !== b.at) return a.at < b.at
  if (a.point !== b.point) return a.point < b.point
  if (a.task !== b.task) return a.task < b.task
  return a.kind < b.kind
}

export const createTimers = (): Timers => {
  const heap: Timer[] = []

  const rise = (timer: Timer): void => {
    let index = heap.length
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !isBefore(timer, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = timer
  }

  const sink = (timer: Timer): void => {
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      let below = heap[child]
      if (below === undefined) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, below)) {
        child += 1
        below = right
      }
      if (!isBefore(below, timer)) break
      heap[index] = below
      index = child
    }
    heap[index] = timer
  }

  return {
    add: rise,
    peek: () => heap[0],
    pop: () => {
      const top = heap[0]
      const last = heap.pop()
      if (last !== undefined && heap.length > 0) sink(last)
      return top
    },
  }
}
