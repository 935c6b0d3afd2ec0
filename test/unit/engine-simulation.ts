/** A workflow with jobs that end when the test says so. */
import assert from 'node:assert/strict'
import { nextWake } from '../../engine/clock.ts'
import { compile } from '../../engine/compile.ts'
import { judge } from '../../engine/judge.ts'
import { row, rows } from '../../engine/rows.ts'
import { createState, type EngineState } from '../../engine/state.ts'
import { type Step, step } from '../../engine/step.ts'
import { summarise } from '../../engine/summary.ts'
import type { CompiledWorkflow, Effect, EngineEvent, InstanceRow, JobEventKind } from '../../engine/types.ts'

/** An event without its time, which the simulation knows. */
export type Happening = EngineEvent extends infer E ? (E extends EngineEvent ? Omit<E, 'at'> : never) : never

export type Definition = Readonly<Record<string, unknown>>

/** The definition with every task of the graph that is not defined further, and three integer cycles. */
export const definition = (graph: string, more: Definition = {}): Definition => {
  const { tasks = {}, families = {}, ...rest } = more
  const named = graph.replaceAll(/#.*|\[[^\]]*\]|:[\w-]+/g, '').match(/\w+/g) ?? []
  const plain = named.filter((name) => !Object.hasOwn(families as object, name)).map((name) => [name, {}])
  return {
    schedule: { initial: 1, final: 1, recurrence: 'P1' },
    graph,
    families,
    tasks: { ...Object.fromEntries(plain), ...(tasks as object) },
    ...rest,
  }
}

export const mustCompile = (value: unknown): CompiledWorkflow => {
  const compiled = compile(value)
  assert.ok(compiled.ok, JSON.stringify(compiled))
  return compiled.workflow
}

export type Simulation = ReturnType<typeof simulate>

export const simulate = (value: unknown, start = 0) => {
  let state: EngineState = createState(mustCompile(value))
  let now = start
  let submitted: Effect[] = []
  const kills: string[] = []

  const send = (happening: Happening): Step => {
    const done = step(state, { at: now, ...happening } as EngineEvent)
    state = done.state
    submitted.push(...done.effects.filter(({ kind }) => kind === 'submit'))
    for (const effect of done.effects) {
      if (effect.kind === 'kill') kills.push(`${effect.cycle}/${effect.task}/${effect.submit}`)
    }
    return done
  }
  const see = (key: string): InstanceRow | undefined => row(state, key)
  const report = (key: string, event: JobEventKind, more: { submit?: number; exit?: number } = {}): Step => {
    const [cycle = '', task = ''] = key.split('/')
    return send({ kind: 'job', cycle, task, submit: see(key)?.submit ?? 0, event, ...more })
  }
  const through = (event: JobEventKind, keys: readonly string[]): void => {
    for (const key of keys) {
      report(key, 'submitted')
      report(key, 'started')
      report(key, event)
    }
  }
  return {
    send,
    report,
    see,
    kills,
    play: () => send({ kind: 'play' }),
    succeed: (...keys: string[]) => through('succeeded', keys),
    fail: (...keys: string[]) => through('failed', keys),
    judge: (happening: Happening) => judge(state, { at: now, ...happening } as EngineEvent),
    /** Takes and gives the jobs submitted since the last call, as `cycle/task/submit`. */
    taken: (): readonly string[] => {
      const keys = submitted.map(({ cycle, task, submit }) => `${cycle}/${task}/${submit}`)
      submitted = []
      return keys
    },
    wait: (ms: number) => {
      now += ms
      return send({ kind: 'tick' })
    },
    /** Lets every job succeed (unless told otherwise) until nothing is submitted any more; gives them in order. */
    drain: (failing: (job: string) => boolean = () => false): readonly string[] => {
      const ran: string[] = []
      for (let effect = submitted.shift(); effect !== undefined; effect = submitted.shift()) {
        const { cycle, task, submit } = effect
        const job = `${cycle}/${task}/${submit}`
        ran.push(job)
        through(failing(job) ? 'failed' : 'succeeded', [`${cycle}/${task}`])
      }
      return ran
    },
    /** Every instance in memory as `cycle/task state`. */
    pool: (): readonly string[] => rows(state).map(({ key, state: its }) => `${key} ${its}`),
    status: () => summarise(state).status,
    summary: () => summarise(state),
    wake: () => nextWake(state),
    state: () => state,
    use: (next: EngineState) => {
      state = next
    },
    now: () => now,
  }
}
