/** Sockets that only speak: `?bench=tick` sends the time 50 times a second, `flood` as fast as it is read, else nothing. */
import type { Server } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'

const tickMs = 20
/** What may wait for a slow reader, bytes. */
const patience = 256 * 1024
/** About as long as the delta of one task, bytes. */
const filling = 'x'.repeat(200)

/** Of the machine, so that another process may compare, ms. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6
const message = (): string => JSON.stringify({ at: now(), filling })

const tick = (socket: WebSocket): void => {
  const timer = setInterval(() => socket.send(message()), tickMs)
  socket.once('close', () => clearInterval(timer))
}

const flood = (socket: WebSocket): void => {
  const turn = () => {
    if (socket.readyState !== socket.OPEN) return
    for (let count = 0; count < 64 && socket.bufferedAmount < patience; count += 1) socket.send(message())
    setImmediate(turn)
  }
  turn()
}

export const serveSockets = (http: Server): void => {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false })
  http.on('upgrade', (request, stream, head) => {
    sockets.handleUpgrade(request, stream, head, (socket) => {
      socket.on('error', () => socket.terminate())
      if (request.url?.includes('bench=tick') === true) tick(socket)
      if (request.url?.includes('bench=flood') === true) flood(socket)
    })
  })
}
