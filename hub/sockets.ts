/**
 * Splits HTTP upgrades: those under `/u/` are piped to UI servers by `underU` and never reach Fastify; all
 * others go to @fastify/websocket, which this registers. Call it before any route with `websocket: true`.
 */
import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import { SeneschalError } from '../protocol/errors.ts'
import { closeCodes } from '../protocol/frames.ts'
import type { LiveSockets } from './context.ts'
import type { UpgradeHandler } from './proxy/upgrade.ts'

export const registerSockets = async (
  app: FastifyInstance,
  parts: { readonly underU: UpgradeHandler; readonly live: LiveSockets },
): Promise<void> => {
  // All that the plugin asks of a server is its event 'upgrade'.
  const others = new EventEmitter() as Server
  const upgrades = new WeakSet<IncomingMessage>()
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url?.startsWith('/u/') === true) return parts.underU(request, socket, head)
    upgrades.add(request)
    others.emit('upgrade', request, socket, head)
  }
  // A handshake that was answered with a refusal: no parser reads that connection any more, so it must not stay.
  app.addHook('onResponse', async ({ raw }) => {
    if (upgrades.has(raw)) raw.socket.destroySoon()
  })
  // The plugin would open a socket on any route and then close it, with half a minute for the other side to answer.
  const withSocket = new Set<string>()
  app.addHook('onRoute', ({ url, websocket }) => {
    if (websocket === true) withSocket.add(url)
  })
  app.addHook('onRequest', async ({ raw, routeOptions, is404 }) => {
    if (upgrades.has(raw) && !is404 && !withSocket.has(routeOptions.url ?? ''))
      throw new SeneschalError('input.invalid', 'There is no WebSocket here.')
  })
  app.server.on('upgrade', onUpgrade)
  await app.register(websocket, {
    // Sockets only listen: whatever a browser may say is short.
    options: { server: others, maxPayload: 4096, perMessageDeflate: false },
  })
  app.addHook('preClose', async () => {
    app.server.off('upgrade', onUpgrade)
    parts.live.close(() => true, closeCodes.restart)
  })
}
