/** HTTP to UI servers: one undici agent whose connections are streams that the spawner dials. */
import type { Agent } from 'undici'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Servers } from '../context.ts'

export type Upstream = {
  readonly agent: Agent
  /** The origin that stands for the running server of an account. */
  readonly origin: (account: string) => string
  readonly close: () => Promise<void>
}

export const createUpstream = (_parts: { readonly servers: Servers }): Upstream => {
  throw new SeneschalError('internal')
}
