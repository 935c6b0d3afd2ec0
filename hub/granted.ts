/** Requests that this hub granted in the last hour: known here before the daemon says how they ended. */
import { SeneschalError } from '../protocol/errors.ts'
import type { Clock } from './context.ts'

export type GrantedRequest = {
  readonly id: string
  readonly person: string
  readonly account: string
  readonly workflow: string | undefined
}

export type Granted = {
  readonly add: (request: GrantedRequest) => void
  readonly get: (id: string) => GrantedRequest | undefined
}

export const createGranted = (_parts: { readonly now: Clock }): Granted => {
  throw new SeneschalError('internal')
}
