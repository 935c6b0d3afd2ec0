/** Wakes each workflow when it has something to do by itself. */
import { type Workflow, wakeOf } from './workflow.ts'

export type Alarm = {
  /** The workflow changed: its next time may be another one. */
  readonly set: (flow: Workflow) => void
  readonly close: () => void
}

/** The clock may be set forward meanwhile, ms; whoever is woken too early just goes on sleeping. */
const longest = 60_000

export const createAlarm = (now: () => number, ring: (flow: Workflow) => void): Alarm => {
  const timers = new Map<Workflow, { readonly timer: NodeJS.Timeout; readonly at: number }>()
  const changed = new Set<Workflow>()
  let closed = false

  const clear = (flow: Workflow): void => {
    clearTimeout(timers.get(flow)?.timer)
    timers.delete(flow)
  }
  const wake = (flow: Workflow, at: number) => (): void => {
    timers.delete(flow)
    if (now() < at) set(flow)
    else ring(flow)
  }
  const arm = (flow: Workflow): void => {
    const at = wakeOf(flow)
    if (at !== undefined && timers.get(flow)?.at === at) return
    clear(flow)
    if (at === undefined || closed) return
    const delay = Math.min(longest, Math.max(0, Math.ceil(at - now())))
    timers.set(flow, { timer: setTimeout(wake(flow, at), delay), at })
  }
  /** Many events of one turn need one look. */
  const set = (flow: Workflow): void => {
    if (changed.size === 0)
      queueMicrotask(() => {
        const all = [...changed]
        changed.clear()
        for (const one of all) arm(one)
      })
    changed.add(flow)
  }

  return {
    set,
    close: () => {
      closed = true
      for (const flow of [...timers.keys()]) clear(flow)
    },
  }
}
