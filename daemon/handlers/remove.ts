import { onInstance, throughEngine } from './handler.ts'

export const remove = throughEngine<'remove'>((request, _args, at) =>
  onInstance(request, (instance) => ({ kind: 'remove', at, ...instance })),
)
