/** Tasks that wait for each other within one cycle: none of them could ever run. */
import type { Link } from './plan.ts'

/** Nobody reads more at once. */
const MOST = 10

/** The first loops found, each as its links in order. */
export const findLoops = (links: readonly Link[]): readonly (readonly Link[])[] => {
  const outgoing = new Map<string, Link[]>()
  for (const link of links) {
    const known = outgoing.get(link.from)
    if (known === undefined) outgoing.set(link.from, [link])
    else known.push(link)
  }
  const loops: (readonly Link[])[] = []
  const done = new Set<string>()
  // Depth first, with a stack of our own: graphs may be deeper than the call stack.
  for (const start of outgoing.keys()) {
    const path: Link[] = []
    const depth = new Map<string, number>([[start, 0]])
    const stack = [{ name: start, untried: outgoing.get(start) ?? [], tried: 0 }]
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const link = done.has(top.name) ? undefined : top.untried[top.tried]
      if (link === undefined) {
        done.add(top.name)
        depth.delete(top.name)
        stack.pop()
        path.pop()
        continue
      }
      top.tried += 1
      const above = depth.get(link.to)
      if (above !== undefined) {
        if (loops.length < MOST) loops.push([...path.slice(above), link])
      } else if (!done.has(link.to)) {
        depth.set(link.to, stack.length)
        stack.push({ name: link.to, untried: outgoing.get(link.to) ?? [], tried: 0 })
        path.push(link)
      }
    }
  }
  return loops
}
