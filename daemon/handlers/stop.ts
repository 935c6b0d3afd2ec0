import { onInstance, refuse, throughEngine } from './handler.ts'

/** A task: held, its job killed, no output completed. A workflow: nothing new starts, and it ends. */
export const stop = throughEngine<'stop'>((request, { mode }, at) => {
  const { cycle, task } = request.ask
  if (cycle === undefined && task === undefined) return { kind: 'stop', at, mode: mode ?? 'clean' }
  if (mode !== undefined) return refuse('args.invalid', 'Only a workflow is stopped in a mode.')
  return onInstance(request, (instance) => ({ kind: 'task-stop', at, ...instance }))
})
