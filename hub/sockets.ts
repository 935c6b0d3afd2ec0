/**
 * Splits HTTP upgrades: those under `/u/` are piped to UI servers by `underU` and never reach Fastify; all
 * others go to @fastify/websocket, which this registers. Call it before any route with `websocket: true`.
 */
import type { FastifyInstance } from 'fastify'
import { SeneschalError } from '../protocol/errors.ts'
import type { UpgradeHandler } from './proxy/upgrade.ts'

export const registerSockets = async (
  _app: FastifyInstance,
  _parts: { readonly underU: UpgradeHandler },
): Promise<void> => {
  throw new SeneschalError('internal')
}
