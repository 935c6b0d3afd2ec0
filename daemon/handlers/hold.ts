import { throughEngine } from './handler.ts'

/** One instance, a task in all cycles, all tasks of a cycle, or the whole workflow. */
export const hold = throughEngine<'hold'>(({ ask: { cycle, task } }, _args, at) => ({
  kind: 'hold',
  at,
  ...(cycle === undefined ? {} : { cycle }),
  ...(task === undefined ? {} : { task }),
}))
