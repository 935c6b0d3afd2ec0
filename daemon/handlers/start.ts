import { onInstance, throughEngine } from './handler.ts'

export const start = throughEngine<'start'>((request, _args, at) =>
  onInstance(request, (instance) => ({ kind: 'task-start', at, ...instance })),
)
