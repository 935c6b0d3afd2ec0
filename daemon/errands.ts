/**
 * What is owed to one account's host, each job's errands in one hand at a time. A kill does not wait behind whatever
 * is to be submitted: kills have places of their own.
 */
import type { Effect } from '../engine/types.ts'
import { jobKey } from '../protocol/ids.ts'
import type { JobName } from '../protocol/jobs.ts'

export type Errand = {
  readonly workflow: string
  readonly job: JobName
  submit: Extract<Effect, { kind: 'submit' }> | undefined
  kill: boolean
}

/** Under way at once in each lane: enough to fill the line, few enough for an account's process limit. */
const width = 16
const lanes = ['kill', 'submit'] as const

export const isOwed = (errand: Errand): boolean => errand.kill || errand.submit !== undefined

/** `run` carries out an errand until nothing of it is owed; it ends early, or rejects, only at the daemon's end. */
export const createErrands = (
  run: (errand: Errand) => Promise<void>,
  signal: AbortSignal,
  /** Whether it may be submitted now; what may not waits, without a place in the line, until somebody says `again`. */
  mayBegin: (errand: Errand) => boolean,
): { readonly owe: (workflow: string, effect: Effect) => void; readonly again: () => void } => {
  const known = new Map<string, Errand>()
  const waiting = { kill: new Set<Errand>(), submit: new Set<Errand>() }
  const busy = { kill: 0, submit: 0 }
  const underWay = new Set<Errand>()

  const line = (errand: Errand): void => {
    waiting[errand.kill ? 'kill' : 'submit'].add(errand)
    if (errand.kill) waiting.submit.delete(errand)
  }
  const begin = (lane: (typeof lanes)[number], errand: Errand): void => {
    waiting[lane].delete(errand)
    underWay.add(errand)
    busy[lane] += 1
    run(errand)
      // What is left of it stands in the journal.
      .catch(() => undefined)
      .finally(() => {
        busy[lane] -= 1
        underWay.delete(errand)
        if (isOwed(errand)) line(errand)
        else known.delete(keyOfErrand(errand))
        pump()
      })
  }
  const pump = (): void => {
    for (const lane of lanes)
      for (const errand of waiting[lane]) {
        if (busy[lane] >= width || signal.aborted) break
        if (lane === 'kill' || mayBegin(errand)) begin(lane, errand)
      }
  }

  return {
    again: pump,
    owe: (workflow, effect) => {
      const { cycle, task, submit } = effect
      const wanted: Errand = {
        workflow,
        job: { workflow, cycle, task, submit },
        submit: undefined,
        kill: false,
      }
      const errand = known.get(keyOfErrand(wanted)) ?? wanted
      known.set(keyOfErrand(errand), errand)
      if (effect.kind === 'submit') errand.submit = effect
      else errand.kill = true
      // Whoever has it in hand looks again when it is through.
      if (!underWay.has(errand)) line(errand)
      pump()
    },
  }
}

const keyOfErrand = ({ workflow, job }: Errand): string => jobKey(workflow, job.cycle, job.task, job.submit)
