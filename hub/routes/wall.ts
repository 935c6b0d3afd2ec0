/** `WebSocket /api/wall?since=&epoch=`: frames of protocol/frames.ts, one way. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod/mini'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Gate, type LiveSockets, WALL } from '../context.ts'
import type { Wall } from '../wall/wall.ts'

export type WallRouteParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly wall: Wall
  readonly live: LiveSockets
}

const resumeQuery = z.object({
  since: z.string().check(z.regex(/^[0-9]{1,15}$/)),
  epoch: z.string().check(z.maxLength(64)),
})

/** WebSocket status codes (RFC 6455, section 7.4.1): it said something, and sockets only listen. */
const policyViolation = 1008
/** A browser that does not answer a close frame is cut, ms. */
const answerMayTake = 1000

export const wallRoutes =
  ({ gate, wall, live }: WallRouteParts) =>
  async (app: FastifyInstance): Promise<void> => {
    app.get(
      '/api/wall',
      {
        websocket: true,
        config: { kind: WALL, tokens: 'also wall' },
        // Without a handshake there is no socket to listen on.
        preHandler: async (request) => {
          if (!request.ws) throw new SeneschalError('input.invalid', 'This is a WebSocket.')
        },
      },
      (socket, request) => {
        const viewer = gate.viewer(request)
        const close = (code: number) => {
          socket.close(code)
          setTimeout(() => socket.terminate(), answerMayTake).unref()
        }
        const query = resumeQuery.safeParse(request.query)
        const leaveWall = wall.join(
          viewer,
          {
            send: (text) => socket.send(text),
            buffered: () => socket.bufferedAmount,
            close,
          },
          query.success ? { since: Number(query.data.since), epoch: query.data.epoch } : undefined,
        )
        const leaveLive = live.add({ session: viewer.session, person: viewer.person, close })
        socket.on('message', () => close(policyViolation))
        socket.once('close', () => {
          leaveWall()
          leaveLive()
        })
      },
    )
  }
