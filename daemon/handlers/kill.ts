import { onInstance, throughEngine } from './handler.ts'

export const kill = throughEngine<'kill'>((request, _args, at) =>
  onInstance(request, (instance) => ({ kind: 'kill', at, ...instance })),
)
