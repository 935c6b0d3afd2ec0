import type { FastifyInstance } from 'fastify'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Gate, LiveSockets } from '../context.ts'
import type { Wall } from '../wall/wall.ts'

export type WallParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly wall: Wall
  readonly live: LiveSockets
}

export const wallRoutes =
  (_parts: WallParts) =>
  async (_app: FastifyInstance): Promise<void> => {
    throw new SeneschalError('internal')
  }
