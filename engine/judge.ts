/** Whether a request makes sense in the present state: asked before it is applied, so that it can be refused. */
import { finalState, outputsToSet } from './actions.ts'
import { anyHeld, isHeldAhead, type Scope } from './hold.ts'
import { hint } from './nearest.ts'
import { scheduleConflict } from './reload.ts'
import { type EngineState, findInstance, type Instance, isActive, keyOf, packed } from './state.ts'
import { statusOf } from './status.ts'
import type { CompiledWorkflow, EngineEvent, Judgement, TriggerEvent } from './types.ts'

const yes: Judgement = { ok: true }

type Refusal = Extract<Judgement, { ok: false }>

const conflict = (detail: string): Refusal => ({ ok: false, code: 'state.conflict', detail })

const unknownTask = (state: EngineState, task: string): Refusal | undefined => {
  if (state.workflow.tasks.has(task)) return undefined
  const detail = `There is no task "${task}".${hint(task, state.workflow.tasks.keys())}`
  return { ok: false, code: 'task.unknown', detail }
}

type At = { readonly cycle: string; readonly task: string }

const absent = ({ cycle, task }: At, why: string): Refusal => ({
  ok: false,
  code: 'instance.unknown',
  detail: `${keyOf(cycle, task)} ${why}`,
})

/** Why there is no such cycle, or undefined. */
const unknownCycle = (state: EngineState, at: At): Refusal | undefined => {
  const { sequence } = state
  if (sequence === undefined) return absent(at, 'cannot be: the workflow has not run yet.')
  const point = sequence.parse(at.cycle)
  if (point === undefined) return absent(at, 'cannot be: its cycle is not on the schedule.')
  if (sequence.final !== undefined && point > sequence.final) return absent(at, 'is after the final cycle.')
  return undefined
}

type Whereabouts =
  | { readonly is: 'here'; readonly instance: Instance }
  | { readonly is: 'ended' | 'forgotten' | 'to come' }
  | { readonly is: 'nowhere'; readonly refusal: Refusal }

/** Where a task instance is in its life; `forgotten` = ended before everything that is remembered. */
const locate = (state: EngineState, at: At): Whereabouts => {
  const instance = findInstance(state, at.cycle, at.task)
  if (instance !== undefined) return { is: 'here', instance }
  const refusal = unknownTask(state, at.task) ?? unknownCycle(state, at)
  if (refusal !== undefined) return { is: 'nowhere', refusal }
  const point = state.sequence?.parse(at.cycle) ?? state.horizon
  if (point < state.horizon) return { is: 'forgotten' }
  const record = state.cycles.get(point)?.record.get(at.task) ?? 0
  return { is: packed.spawned(record) ? 'ended' : 'to come' }
}

const withPresent = (state: EngineState, at: At, judged: (instance: Instance) => Judgement): Judgement => {
  const found = locate(state, at)
  if (found.is === 'here') return judged(found.instance)
  if (found.is === 'nowhere') return found.refusal
  return absent(at, found.is === 'to come' ? 'does not exist yet.' : 'has ended.')
}

const hasJob = (instance: Instance): Judgement =>
  isActive(instance.state) ? yes : conflict(`It has no job: it is ${instance.state}.`)

const mayTrigger = (state: EngineState, event: TriggerEvent): Judgement => {
  const found = locate(state, event)
  if (found.is === 'nowhere') return found.refusal
  if (state.stage === 'stopped' || state.stage === 'stopping')
    return conflict(`The workflow is ${state.stage}.`)
  // Its last submit number is forgotten too, and a job id must never be used twice.
  if (found.is === 'forgotten' && event.lastSubmit === undefined) return absent(event, 'ended too long ago.')
  if (found.is !== 'here' || !isActive(found.instance.state)) return yes
  const { ending, state: now } = found.instance
  return conflict(ending === undefined ? `It is ${now} already.` : 'Its job is still being stopped.')
}

const maySet = (state: EngineState, event: EngineEvent & { kind: 'set' }): Judgement => {
  const found = locate(state, event)
  if (found.is === 'nowhere') return found.refusal
  if (found.is === 'forgotten') return absent(event, 'ended too long ago.')
  if (found.is !== 'here' || !isActive(found.instance.state)) return yes
  return finalState(outputsToSet(state, event)) === undefined
    ? yes
    : conflict(`It is ${found.instance.state}: kill it, or let it end.`)
}

const judgeScope = (state: EngineState, scope: Scope): Judgement => {
  const { cycle, task } = scope
  const refusal = task === undefined ? undefined : unknownTask(state, task)
  if (refusal !== undefined) return refusal
  return cycle === undefined ? yes : (unknownCycle(state, { cycle, task: task ?? '*' }) ?? yes)
}

const mayHold = (state: EngineState, scope: Scope): Judgement => {
  const judged = judgeScope(state, scope)
  if (!judged.ok) return judged
  const { cycle, task } = scope
  if (isHeldAhead(state, scope)) return conflict('It is held already.')
  if (cycle === undefined || task === undefined) return yes
  const found = locate(state, { cycle, task })
  if (found.is === 'here') return found.instance.held ? conflict('It is held already.') : yes
  return found.is === 'to come' ? yes : absent({ cycle, task }, 'has ended.')
}

const mayRelease = (state: EngineState, scope: Scope): Judgement => {
  const judged = judgeScope(state, scope)
  if (!judged.ok) return judged
  return anyHeld(state, scope) ? yes : conflict('Nothing of it is held.')
}

const judgePlay = (state: EngineState): Judgement => {
  const status = statusOf(state)
  return status === 'stopped' || status === 'paused' ? yes : conflict(`The workflow is ${status}.`)
}

const mayReload = ({ sequence, workflow }: EngineState, next: CompiledWorkflow): Judgement => {
  const reason = sequence && scheduleConflict(workflow.schedule, next.schedule)
  return reason === undefined ? yes : conflict(reason)
}

export const judge = (state: EngineState, event: EngineEvent): Judgement => {
  switch (event.kind) {
    case 'play':
      return judgePlay(state)
    case 'pause':
      return state.stage === 'running' ? yes : conflict(`The workflow is ${statusOf(state)}.`)
    case 'resume':
      return state.stage === 'paused' ? yes : conflict(`The workflow is ${statusOf(state)}, not paused.`)
    case 'stop':
      return state.stage === 'stopped' || (state.stage === 'stopping' && event.mode === 'clean')
        ? conflict(`The workflow is ${state.stage} already.`)
        : yes
    case 'hold':
      return mayHold(state, event)
    case 'release':
      return mayRelease(state, event)
    case 'trigger':
    case 'task-start':
      return mayTrigger(state, event)
    case 'kill':
      return withPresent(state, event, hasJob)
    case 'task-stop':
      return withPresent(state, event, (instance) => {
        if (instance.stopped) return conflict('It is stopped already.')
        return instance.state === 'waiting' ? yes : hasJob(instance)
      })
    case 'set':
      return maySet(state, event)
    case 'remove':
      return withPresent(state, event, (instance) =>
        isActive(instance.state) ? conflict(`It is ${instance.state}: kill it first.`) : yes,
      )
    case 'reload':
      return mayReload(state, event.workflow)
    case 'tick':
    case 'job':
      return yes
  }
}
