import { throughEngine } from './handler.ts'

export const play = throughEngine<'play'>((_request, _args, at) => ({ kind: 'play', at }))
