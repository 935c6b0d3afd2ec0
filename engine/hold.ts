/** Holding and releasing: instances that are there, and those to come. */
import { type Draft, put } from './pool.ts'
import { consider, unqueued } from './ready.ts'
import { type EngineState, type Instance, keyOf } from './state.ts'

export type Scope = { readonly cycle?: string; readonly task?: string }

/** How `EngineState.holds` names a scope. */
export const scopeKey = ({ cycle, task }: Scope): string => {
  if (cycle !== undefined) return keyOf(cycle, task ?? '')
  return task ?? '*'
}

const inScope = (state: EngineState, { cycle, task }: Scope): readonly Instance[] => {
  const point = cycle === undefined ? undefined : state.sequence?.parse(cycle)
  const cycles = cycle === undefined ? [...state.cycles.values()] : [state.cycles.get(point ?? Number.NaN)]
  return cycles.flatMap((each) => {
    if (each === undefined) return []
    if (task === undefined) return [...each.instances.values()]
    const instance = each.instances.get(task)
    return instance === undefined ? [] : [instance]
  })
}

export const hold = (draft: Draft, scope: Scope): void => {
  const { state } = draft
  const instances = inScope(state, scope)
  const isOne = scope.cycle !== undefined && scope.task !== undefined
  // One instance that is there needs no note for the future; anything wider does.
  if (!isOne || instances.length === 0) state.holds.add(scopeKey(scope))
  for (const instance of instances) {
    if (!instance.held) put(draft, { ...unqueued(state, instance), held: true })
  }
}

/** Whether a note of that name lies within the scope. */
const covers = ({ cycle, task }: Scope, note: string): boolean => {
  if (cycle === undefined && task === undefined) return true
  if (cycle === undefined) return note === task || note.endsWith(`/${task}`)
  return task === undefined ? note.startsWith(keyOf(cycle, '')) : note === keyOf(cycle, task)
}

export const release = (draft: Draft, scope: Scope): void => {
  const { state } = draft
  for (const note of state.holds) if (covers(scope, note)) state.holds.delete(note)
  for (const instance of inScope(state, scope)) {
    if (!instance.held && !instance.stopped) continue
    // A job that is still being stopped will start again once it has ended.
    consider(draft, put(draft, { ...instance, held: false, stopped: false }))
  }
}

export const anyHeld = (state: EngineState, scope: Scope): boolean =>
  [...state.holds].some((note) => covers(scope, note)) ||
  inScope(state, scope).some(({ held, stopped }) => held || stopped)

/** The instance's key is held although it may not exist. */
export const isHeldAhead = (state: EngineState, scope: Scope): boolean => state.holds.has(scopeKey(scope))
