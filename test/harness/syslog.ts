/** A collector of syslog messages, written from RFC 5424 and RFC 6587 and from nothing of ours. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'

export type Message = {
  readonly facility: number
  readonly severity: number
  readonly time: string
  readonly host: string
  readonly app: string
  readonly id: string
  readonly data: Readonly<Record<string, string>>
  readonly text: string
}

/** Throws for what is no message. */
export const parseMessage = (line: string): Message => {
  const head = /^<(\d{1,3})>1 (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) /.exec(line)
  if (head === null) throw new Error(`no header: ${line.slice(0, 200)}`)
  let at = head[0].length
  const data: Record<string, string> = {}
  if (line[at] === '-') at += 1
  else {
    const element = /\[([!#-<>-\\^-~]{1,32})/y
    element.lastIndex = at
    const name = element.exec(line)
    if (name === null) throw new Error('no structured data')
    at += name[0].length
    while (line[at] === ' ') {
      const parameter = / ([!#-<>-\\^-~]{1,32})="((?:[^"\\\]]|\\["\\\]])*)"/y
      parameter.lastIndex = at
      const found = parameter.exec(line)
      if (found === null) throw new Error(`no parameter at ${line.slice(at, at + 100)}`)
      data[found[1] ?? ''] = (found[2] ?? '').replace(/\\(["\\\]])/g, '$1')
      at += found[0].length
    }
    if (line[at] !== ']') throw new Error('the element does not end')
    at += 1
  }
  if (line[at] !== ' ' || line[at + 1] !== '\ufeff') throw new Error('no text')
  const priority = Number(head[1])
  return {
    ...{ facility: priority >> 3, severity: priority & 7, time: head[2] ?? '', host: head[3] ?? '' },
    ...{ app: head[4] ?? '', id: head[6] ?? '', data, text: line.slice(at + 2) },
  }
}

/** Octet counting: how long, a blank, and so many bytes. */
const takeFrames = (buffer: Buffer, onFrame: (text: string) => void): Buffer => {
  let rest = buffer
  for (;;) {
    const blank = rest.indexOf(0x20)
    if (blank === -1) return rest
    const length = Number(rest.toString('latin1', 0, blank))
    if (!Number.isInteger(length)) throw new Error(`no length: ${rest.toString('latin1', 0, 20)}`)
    if (rest.length < blank + 1 + length) return rest
    onFrame(rest.toString('utf8', blank + 1, blank + 1 + length))
    rest = rest.subarray(blank + 1 + length)
  }
}

export type Collector = {
  readonly to: string
  readonly messages: readonly Message[]
  /** Ends connections and takes no new ones. */
  readonly close: () => Promise<void>
}

/** `at`: a port (0 for any) or the path of a socket. Without `reads` it takes connections and nothing else. */
export const startCollector = async (
  t: TestContext,
  at: number | string = 0,
  settings: { readonly tls?: { key: string; cert: string }; readonly reads?: boolean } = {},
): Promise<Collector> => {
  const messages: Message[] = []
  const sockets = new Set<Socket>()
  const onSocket = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    if (settings.reads === false) return void socket.pause()
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      rest = takeFrames(Buffer.concat([rest, chunk]), (text) => messages.push(parseMessage(text)))
    })
  }
  const server: Server =
    settings.tls === undefined ? createServer(onSocket) : createTlsServer(settings.tls, onSocket)
  if (typeof at === 'string') server.listen(at)
  else server.listen(at, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  t.after(close)
  const scheme = settings.tls === undefined ? 'tcp' : 'tls'
  const port = typeof at === 'string' ? 0 : (server.address() as AddressInfo).port
  return {
    to: typeof at === 'string' ? `unix://${at}` : `${scheme}://localhost:${port}`,
    messages,
    close,
  }
}

export const startDatagramCollector = async (t: TestContext): Promise<Collector> => {
  const messages: Message[] = []
  const socket = createSocket('udp4')
  socket.on('message', (bytes) => messages.push(parseMessage(bytes.toString('utf8'))))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  let open = true
  const close = async () => {
    if (open) socket.close()
    open = false
  }
  t.after(close)
  return { to: `udp://127.0.0.1:${socket.address().port}`, messages, close }
}
