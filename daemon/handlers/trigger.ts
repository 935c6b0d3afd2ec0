import { onInstance, throughEngine } from './handler.ts'

export const trigger = throughEngine<'trigger'>((request, _args, at) =>
  onInstance(request, (instance) => ({ kind: 'trigger', at, ...instance })),
)
