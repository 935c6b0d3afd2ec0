import { throughEngine } from './handler.ts'

export const resume = throughEngine<'resume'>((_request, _args, at) => ({ kind: 'resume', at }))
