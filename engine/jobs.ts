/** What jobs report. News of an old job, or of an instance that is not active, changes nothing. */
import { FAILED, STARTED, SUBMIT_FAILED, SUBMITTED, SUCCEEDED, withImplied } from './outputs.ts'
import { type Draft, drop, put } from './pool.ts'
import { consider } from './ready.ts'
import { completeOutputs } from './spawn.ts'
import { type EngineState, findInstance, type Instance, isActive } from './state.ts'
import type { CompiledTask, InstanceState, JobEvent, JobEventKind } from './types.ts'

/** Older runs than these weigh no more: a task whose run time changes shows it soon. */
const RUNS_THAT_COUNT = 10
const LONGEST_MESSAGE = 1000

const learnRunTime = (state: EngineState, task: string, elapsed: number): void => {
  const known = state.means.get(task) ?? { runs: 0, ms: 0 }
  const runs = Math.min(known.runs + 1, RUNS_THAT_COUNT)
  state.means.set(task, { runs, ms: known.ms + (elapsed - known.ms) / runs })
}

export const isComplete = (task: CompiledTask | undefined, outputs: number): boolean => {
  if (task === undefined) return true
  const { required, alternatives } = task.plan.completion
  return (outputs & required) === required || (outputs & alternatives) !== 0
}

/** Puts an instance into a final state with these outputs; it leaves if that completes it. */
export const finish = (draft: Draft, instance: Instance, outputs: number): void => {
  const all = instance.outputs | withImplied(outputs)
  const finished = put(draft, {
    ...instance,
    outputs: all,
    ending: undefined,
    stopped: false,
    retryAt: undefined,
  })
  completeOutputs(draft, finished.point, finished.task, all)
  if (!isComplete(draft.state.workflow.tasks.get(finished.task), all)) return
  draft.state.completed += 1
  drop(draft, finished)
}

type Report = {
  readonly draft: Draft
  readonly instance: Instance
  readonly event: JobEvent
  readonly time: number
}

const progressed = ({ draft, instance }: Report, change: Partial<Instance>, outputs: number): Instance => {
  const all = instance.outputs | outputs
  const next = put(draft, { ...instance, ...change, outputs: all })
  completeOutputs(draft, next.point, next.task, all)
  return next
}

const submitted = (report: Report): void => {
  const { instance, time } = report
  if (instance.submittedAt !== undefined) return
  const state = instance.state === 'preparing' ? 'submitted' : instance.state
  progressed(report, { state, submittedAt: time }, SUBMITTED)
}

const started = (report: Report): void => {
  const { draft, instance, time } = report
  if (instance.state === 'running') return
  progressed(report, { state: 'running', startedAt: time }, STARTED | SUBMITTED)
  const expected = draft.state.workflow.tasks.get(instance.task)?.expectedRunMs
  if (expected === undefined) return
  draft.state.timers.add({ at: time + expected, kind: 'late', point: instance.point, task: instance.task })
}

const message = ({ draft, instance, event }: Report): void => {
  const text = event.text?.slice(0, LONGEST_MESSAGE)
  if (text !== instance.message) put(draft, { ...instance, message: text })
}

const succeeded = ({ draft, instance, event, time }: Report): void => {
  if (instance.startedAt !== undefined) {
    learnRunTime(draft.state, instance.task, Math.max(0, time - instance.startedAt))
  }
  finish(draft, { ...instance, state: 'succeeded', finishedAt: time, exit: event.exit ?? 0 }, SUCCEEDED)
}

/** A stopped task's job has ended: nothing is completed, the task waits for whoever starts it again. */
const stopped = ({ draft, instance, event, time }: Report): void => {
  const waiting: Instance = {
    ...instance,
    state: 'waiting',
    ending: undefined,
    finishedAt: time,
    exit: event.exit,
  }
  if (draft.state.workflow.tasks.has(instance.task)) consider(draft, put(draft, waiting))
  else drop(draft, waiting)
}

const failed =
  (state: InstanceState & ('failed' | 'submit-failed')) =>
  (report: Report): void => {
    const { draft, instance, event, time } = report
    if (state === 'submit-failed' && instance.state === 'running') return
    if (instance.ending === 'stop') {
      stopped(report)
      return
    }
    const over = { ...instance, finishedAt: time, exit: event.exit, message: event.text ?? instance.message }
    const retries = draft.state.workflow.tasks.get(instance.task)?.retries
    // A host without room or processes to spare refuses a job now and takes it later.
    if (instance.ending === 'kill' || retries === undefined || instance.tries > retries.count) {
      finish(draft, { ...over, state }, state === 'failed' ? FAILED : SUBMIT_FAILED)
      return
    }
    const retryAt = draft.state.now + retries.delayMs
    put(draft, { ...over, state: 'waiting', retryAt })
    draft.state.timers.add({ at: retryAt, kind: 'retry', point: instance.point, task: instance.task })
  }

const reports: Readonly<Record<JobEventKind, (report: Report) => void>> = {
  submitted,
  started,
  message,
  succeeded,
  failed: failed('failed'),
  'submit-failed': failed('submit-failed'),
}

export const applyJobEvent = (draft: Draft, event: JobEvent): void => {
  const instance = findInstance(draft.state, event.cycle, event.task)
  if (instance === undefined || instance.submit !== event.submit || !isActive(instance.state)) return
  reports[event.event]({ draft, instance, event, time: event.time ?? draft.state.now })
}
