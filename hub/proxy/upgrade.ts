/** WebSockets under `/u/`: the UI server's frames go to the browser as they are, nothing goes the other way. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Gate, LiveSockets, Log, Servers, Signer } from '../context.ts'

export type UpgradeParts = {
  readonly gate: Pick<Gate, 'passUpgrade'>
  readonly servers: Servers
  readonly signer: Pick<Signer, 'assertion'>
  readonly live: LiveSockets
  readonly log: Log
}

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

export const createProxyUpgrade = (_parts: UpgradeParts): UpgradeHandler => {
  throw new SeneschalError('internal')
}
