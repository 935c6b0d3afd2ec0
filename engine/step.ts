/**
 * The engine: `step(state, event)`. It reads no clock and draws no lots, so the same events give the same
 * state and effects. The state given in is used up: only the one given back may be used afterwards.
 */
import { actions } from './actions.ts'
import { passTime } from './clock.ts'
import { hold, release } from './hold.ts'
import { applyJobEvent } from './jobs.ts'
import { judge } from './judge.ts'
import { createDraft, type Draft } from './pool.ts'
import { isIdle, releaseQueues } from './ready.ts'
import { reload } from './reload.ts'
import { createSequence, resolveInitial } from './sequence.ts'
import type { EngineState } from './state.ts'
import { statusOf } from './status.ts'
import type { Changed, Effect, EngineEvent } from './types.ts'
import { moveWindow } from './window.ts'

export type Step = {
  readonly state: EngineState
  readonly effects: readonly Effect[]
  readonly changed: Changed
}

type Handlers = {
  readonly [K in EngineEvent['kind']]: (draft: Draft, event: Extract<EngineEvent, { kind: K }>) => void
}

const play = ({ state }: Draft): void => {
  if (state.stage !== 'stopped' && state.stage !== 'paused') return
  state.stage = 'running'
  if (state.sequence !== undefined) return
  const { schedule } = state.workflow
  state.sequence = createSequence(schedule, resolveInitial(schedule, state.now))
  state.next = state.sequence.initial
}

const between =
  (from: EngineState['stage'], to: EngineState['stage']) =>
  ({ state }: Draft): void => {
    if (state.stage === from) state.stage = to
  }

const handlers: Handlers = {
  play,
  pause: between('running', 'paused'),
  resume: between('paused', 'running'),
  stop: ({ state }, { mode }) => {
    if (state.stage !== 'stopped') state.stage = mode === 'now' ? 'stopped' : 'stopping'
  },
  tick: () => undefined,
  job: applyJobEvent,
  hold,
  release,
  trigger: actions.trigger,
  'task-start': actions['task-start'],
  'task-stop': actions['task-stop'],
  kill: actions.kill,
  set: actions.set,
  remove: actions.remove,
  reload: (draft, { workflow }) => reload(draft, workflow),
}

/** Steps that change which cycles may run, besides those in which a cycle empties or fills. */
const movesWindow: ReadonlySet<EngineEvent['kind']> = new Set(['play', 'resume', 'reload'])

/**
 * Applies one event. One that `judge` refuses changes nothing but the time: ask it before, if somebody is
 * to be told why. Work done is in proportion to what changes.
 */
export const step = (state: EngineState, event: EngineEvent): Step => {
  const draft = createDraft(state)
  const statusBefore = statusOf(state)
  const { ok } = judge(state, event)
  passTime(draft, event.at)
  const handle = handlers[event.kind] as (draft: Draft, event: EngineEvent) => void
  if (ok) handle(draft, event)
  if (draft.windowMoved || movesWindow.has(event.kind) || state.workflow.schedule.clock) moveWindow(draft)
  releaseQueues(draft)
  if (state.stage === 'stopping' && isIdle(state)) state.stage = 'stopped'
  const { effects, put, dropped } = draft
  const summary = draft.summary || statusOf(state) !== statusBefore
  return { state, effects, changed: { put, dropped, summary } }
}
