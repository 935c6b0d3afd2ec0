/** How many events the workflow engine takes in a second, and how long one step can keep the loop. */
import { compile } from '../../engine/compile.ts'
import { createState, type EngineState } from '../../engine/state.ts'
import { step } from '../../engine/step.ts'
import type { CompiledWorkflow, Effect, EngineEvent } from '../../engine/types.ts'
import { takeTurns } from '../report/rounds.ts'
import { judged, type Row } from '../report/row.ts'

const compiled = (value: unknown): CompiledWorkflow => {
  const result = compile(value)
  if (!result.ok) throw new Error(JSON.stringify(result))
  return result.workflow
}

/** `width` chains of three tasks, over many cycles. */
const chains = (width: number, cycles: number): CompiledWorkflow => {
  const names = Array.from({ length: width }, (_, index) => index)
  return compiled({
    schedule: { initial: 1, final: cycles, recurrence: 'P1' },
    graph: names.map((n) => `fetch${n} => run${n} => post${n}`).join('\n'),
    tasks: Object.fromEntries(
      names.flatMap((n) => [`fetch${n}`, `run${n}`, `post${n}`].map((task) => [task, {}])),
    ),
  })
}

const fan = (width: number): CompiledWorkflow => {
  const names = Array.from({ length: width }, (_, index) => `leaf${index}`)
  return compiled({
    schedule: { initial: 1, final: 1, recurrence: 'P1' },
    graph: names.map((name) => `root => ${name}`).join('\n'),
    tasks: Object.fromEntries([['root', {}], ...names.map((name) => [name, {}])]),
  })
}

/** Lets every job succeed; counts events and finds the longest step. */
const drain = (workflow: CompiledWorkflow, ms: number) => {
  let state: EngineState = createState(workflow)
  const waiting: Effect[] = []
  let events = 0
  let longest = 0
  const send = (event: EngineEvent): void => {
    const began = performance.now()
    const done = step(state, event)
    longest = Math.max(longest, performance.now() - began)
    state = done.state
    events += 1
    for (const effect of done.effects) if (effect.kind === 'submit') waiting.push(effect)
  }
  const began = performance.now()
  send({ kind: 'play', at: 0 })
  for (let next = 0; next < waiting.length && performance.now() - began < ms; next += 1) {
    const effect = waiting[next]
    if (effect?.kind !== 'submit') continue
    const { cycle, task, submit } = effect
    for (const event of ['submitted', 'started', 'succeeded'] as const)
      send({ kind: 'job', at: 1, cycle, task, submit, event })
  }
  return { perSecond: events / ((performance.now() - began) / 1000), longest }
}

export const engine: Row = {
  name: 'engine',
  title: 'events per second of the workflow engine, one thread',
  run: async (bench) => {
    const ms = bench.quick ? 500 : 2000
    const width = bench.quick ? 700 : 7000
    const steady = chains(20, 100_000)
    const wide = fan(width)
    const turns = await takeTurns(bench, 'engine', [
      { who: 'chains', measure: async () => drain(steady, ms) },
      { who: 'fan', measure: async () => drain(wide, ms) },
    ])
    const of = (who: string) => turns.get(who) ?? []
    return {
      figures: [
        {
          what: 'events, 20 chains',
          who: 'engine',
          unit: '/s',
          rounds: of('chains').map(({ perSecond }) => perSecond),
        },
        {
          what: `events, 1 → ${width.toLocaleString('en')}`,
          who: 'engine',
          unit: '/s',
          rounds: of('fan').map(({ perSecond }) => perSecond),
        },
        judged(
          {
            what: `longest step, 1 → ${width.toLocaleString('en')}`,
            who: 'engine',
            unit: 'ms',
            rounds: of('fan').map(({ longest }) => longest),
          },
          '≤ 200 ms',
          (value) => value <= 200,
        ),
      ],
      notes: [],
    }
  },
}
