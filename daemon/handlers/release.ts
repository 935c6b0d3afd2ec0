import { throughEngine } from './handler.ts'

/** One instance, a task in all cycles, all tasks of a cycle, or the whole workflow. */
export const release = throughEngine<'release'>(({ ask: { cycle, task } }, _args, at) => ({
  kind: 'release',
  at,
  ...(cycle === undefined ? {} : { cycle }),
  ...(task === undefined ? {} : { task }),
}))
