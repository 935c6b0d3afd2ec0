/** The runahead window and the clock: which cycles are begun, which may run, which are forgotten. */
import type { Draft } from './pool.ts'
import { consider } from './ready.ts'
import { isPreInitial, sourcePoint } from './satisfied.ts'
import { spawn } from './spawn.ts'
import type { EngineState } from './state.ts'
import type { CompiledTask, Point } from './types.ts'

const oldestActive = (state: EngineState): Point | undefined => {
  let oldest: Point | undefined
  for (const { point, instances } of state.cycles.values()) {
    if (instances.size > 0 && (oldest === undefined || point < oldest)) oldest = point
  }
  return oldest
}

/** The next point at which the window itself spawns anything; undefined = the rest comes by dependence alone. */
export const nextToSpawn = (state: EngineState): Point | undefined => {
  const { next, sequence } = state
  if (next === undefined || sequence === undefined) return undefined
  if (sequence.final !== undefined && next > sequence.final) return undefined
  const { always, early, offsets } = state.workflow.roots
  if (always.length > 0) return next
  // Parentless tasks of the first cycles depend on what is before them, so an offset reaches that far.
  const reach = offsets.some((offset) => sequence.before(next, offset) < sequence.initial)
  return next === sequence.initial || (early.length > 0 && reach) ? next : undefined
}

const isParentless = (state: EngineState, task: CompiledTask, point: Point): boolean =>
  task.plan.conditions.every((condition) =>
    (condition.kind === 'atom' ? [condition.atom] : condition.atoms).every((atom) =>
      isPreInitial(state, sourcePoint(state, atom, point)),
    ),
  )

const spawnParentless = (draft: Draft, point: Point): void => {
  const { state } = draft
  const { always, early } = state.workflow.roots
  const begun = early.filter((name) => {
    const task = state.workflow.tasks.get(name)
    return task !== undefined && isParentless(state, task, point)
  })
  for (const name of [...always, ...begun]) {
    const spawned = spawn(draft, point, name)
    if (spawned !== undefined) consider(draft, spawned.instance)
  }
}

/** Every prerequisite is at most one offset back: cycles older than that are not asked any more. */
const forget = (state: EngineState, base: Point): void => {
  const { sequence, workflow } = state
  if (sequence === undefined) return
  let horizon = base
  for (const offset of workflow.roots.offsets) horizon = Math.min(horizon, sequence.before(base, offset))
  state.horizon = Math.max(state.horizon, horizon)
  for (const { point, instances } of state.cycles.values()) {
    if (point < state.horizon && instances.size === 0) state.cycles.delete(point)
  }
  for (const scope of state.holds) {
    const [cycle = '', task] = scope.split('/')
    const point = task === undefined ? undefined : sequence.parse(cycle)
    if (point !== undefined && point < state.horizon) state.holds.delete(scope)
  }
}

/** Lets the instances of the cycles between `from` and the limit run, as far as the clock allows. */
const release = (draft: Draft, from: Point): void => {
  const cycles = [...draft.state.cycles.values()]
  const due = cycles.filter(({ point }) => point > from && point <= draft.state.limit)
  for (const cycle of due.sort((a, b) => a.point - b.point)) {
    for (const instance of [...cycle.instances.values()]) {
      draft.put.add(instance.key)
      consider(draft, instance)
    }
  }
}

/** Moves the window as far as it goes: new cycles are begun, waiting ones released, old ones forgotten. */
export const moveWindow = (draft: Draft): void => {
  const { state } = draft
  const { sequence, limit, released } = state
  const { clock, runahead } = state.workflow.schedule
  if (sequence === undefined || state.stage === 'stopped' || state.stage === 'stopping') return
  for (;;) {
    const next = nextToSpawn(state) ?? Number.POSITIVE_INFINITY
    const base = Math.min(oldestActive(state) ?? next, next)
    if (base === Number.POSITIVE_INFINITY) break
    // The window never shrinks: a person may trigger something old.
    state.limit = Math.max(state.limit, sequence.ahead(base, runahead - 1))
    forget(state, base)
    // One cycle ahead of the clock is enough to be seen.
    if (next > state.limit || (clock && state.begun > state.now)) break
    spawnParentless(draft, next)
    state.begun = next
    state.next = sequence.next(next)
  }
  state.released = clock ? Math.min(state.limit, Math.max(state.now, state.released)) : state.limit
  if (state.limit !== limit || state.released !== released) release(draft, Math.min(limit, released))
  draft.windowMoved = false
}

/** When the clock will let the next cycle run; undefined if none waits for it. */
export const nextRelease = (state: EngineState): number | undefined => {
  if (!state.workflow.schedule.clock) return undefined
  let earliest = state.begun > state.now ? state.begun : undefined
  for (const { point, instances } of state.cycles.values()) {
    if (instances.size === 0 || point <= state.released || point > state.limit) continue
    if (earliest === undefined || point < earliest) earliest = point
  }
  return earliest
}
