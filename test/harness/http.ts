/** HTTP and WebSocket clients that repair nothing: what a test says is what goes over the wire. */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { WebSocket } from 'ws'

export type Answer = {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly body: unknown
}

/** An open WebSocket with all that came over it. */
export type Listening = {
  readonly socket: WebSocket
  readonly messages: string[]
  readonly closed: Promise<number>
}

/** One request, its path byte for byte as given. */
export const send = (
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: string,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const request = httpRequest(
      { port, host: '127.0.0.1', method, path, headers, agent: false },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.once('error', reject)
        response.once('end', () => {
          const isJson =
            response.headers['content-type']?.startsWith('application/json') === true && text !== ''
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            body: isJson ? JSON.parse(text) : undefined,
          })
        })
      },
    )
    request.once('error', reject)
    request.end(body)
  })

export const listen = (url: string, headers: Readonly<Record<string, string>>): Promise<Listening> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { headers, perMessageDeflate: false })
    const messages: string[] = []
    socket.on('message', (data) => messages.push(String(data)))
    const closed = new Promise<number>((done) => socket.once('close', done))
    socket.once('open', () => resolve({ socket, messages, closed }))
    socket.once('unexpected-response', (_request, response) => {
      response.resume()
      reject(Object.assign(new Error(`refused with ${response.statusCode}`), { status: response.statusCode }))
    })
    socket.once('error', reject)
  })

/** One raw request over a fresh connection, and all that comes back until the hub closes it. */
export const sendRaw = (port: number, bytes: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'))
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.once('error', reject)
    socket.once('close', () => resolve(text))
  })
