/** The hub's own end of a WebSocket to a UI server: opened over a dialled stream, and only after a right 101. */
import { createHash, randomBytes } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { SeneschalError } from '../../protocol/errors.ts'

/** RFC 6455, section 1.3. */
const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

export const acceptFor = (key: string): string =>
  createHash('sha1')
    .update(key + guid)
    .digest('base64')

/** An extension or subprotocol that nobody asked for would change what the frames mean. */
const isRight = (answer: IncomingMessage, key: string): boolean =>
  answer.statusCode === 101 &&
  answer.headers.upgrade?.toLowerCase() === 'websocket' &&
  answer.headers['sec-websocket-accept'] === acceptFor(key) &&
  answer.headers['sec-websocket-extensions'] === undefined &&
  answer.headers['sec-websocket-protocol'] === undefined

export type UpstreamSocket = { readonly stream: Duplex; readonly head: Buffer }

/** Rejects with `server.bad-answer` for anything but a right 101, `tunnel.closed` for none. */
export const openUpstreamSocket = (
  stream: Duplex,
  target: string,
  assertion: string,
  signal: AbortSignal,
): Promise<UpstreamSocket> =>
  new Promise((resolve, reject) => {
    const key = randomBytes(16).toString('base64')
    const settle = () => signal.removeEventListener('abort', abort)
    const fail = (error: unknown) => {
      settle()
      stream.destroy()
      reject(error)
    }
    const abort = () => fail(signal.reason)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    const request = httpRequest({
      createConnection: () => stream,
      method: 'GET',
      path: target,
      headers: {
        host: 'server',
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': key,
        authorization: `Bearer ${assertion}`,
      },
    })
    request.once('upgrade', (answer, _socket, head) => {
      if (!isRight(answer, key)) return fail(new SeneschalError('server.bad-answer'))
      settle()
      resolve({ stream, head })
    })
    request.once('response', () => fail(new SeneschalError('server.bad-answer')))
    request.on('error', (cause) => fail(new SeneschalError('tunnel.closed', undefined, { cause })))
    request.end()
  })
