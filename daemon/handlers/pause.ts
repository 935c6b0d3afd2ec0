import { throughEngine } from './handler.ts'

export const pause = throughEngine<'pause'>((_request, _args, at) => ({ kind: 'pause', at }))
