/**
 * Ways out of the house for audit messages: syslog over TCP, TLS, UDP and Unix sockets, HTTPS, a file. A sink takes
 * messages in order and says when they are gone; whoever feeds it keeps what is not.
 */
import { createSocket } from 'node:dgram'
import { constants } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Agent, request } from 'undici'

export type Sink = {
  /**
   * Resolves when all of them left this process: over HTTPS and into a file, when they arrived. Rejects where one did not;
   * then none of them counts as sent.
   */
  readonly send: (messages: readonly string[]) => Promise<void>
  readonly close: () => Promise<void>
}

export type SinkSettings = {
  /** `tcp:`, `tls:` or `udp://HOST:PORT`, `unix:///PATH`, `https://…`, `file:///PATH`. */
  readonly to: string
  /** Certificates of authorities that count besides the system's, PEM file; for TLS and HTTPS. */
  readonly ca?: string | undefined
}

const timeoutMs = 10_000

/** Octet counting (RFC 6587, RFC 5425): the only framing in which a message cannot end another. */
const framed = (message: string): Buffer => {
  const bytes = Buffer.from(message)
  return Buffer.concat([Buffer.from(`${bytes.length} `), bytes])
}

const closed = () => new Error('the connection was closed')

/** One connection, made again when it is needed; collectors answer nothing, so what comes back is thrown away. */
const overStream = (connect: () => Promise<Socket>): Sink => {
  let socket: Socket | undefined
  const ready = async (): Promise<Socket> => {
    if (socket !== undefined && !socket.destroyed) return socket
    const made = await connect()
    made.setTimeout(0)
    made.on('error', () => made.destroy())
    // A collector that closes its side takes nothing any more.
    made.on('end', () => made.destroy())
    made.resume()
    socket = made
    return made
  }
  return {
    send: async (messages) => {
      const to = await ready()
      await new Promise<void>((resolve, reject) => {
        const give = (error?: Error | null) => {
          clearTimeout(timer)
          to.off('close', onClose)
          if (error == null) resolve()
          else {
            to.destroy()
            reject(error)
          }
        }
        const onClose = () => give(closed())
        const timer = setTimeout(() => give(new Error('it takes nothing')), timeoutMs)
        to.once('close', onClose)
        to.write(Buffer.concat(messages.map(framed)), give)
      })
    },
    close: async () => {
      socket?.destroy()
    },
  }
}

const connected = (socket: Socket, event: 'connect' | 'secureConnect'): Promise<Socket> =>
  new Promise((resolve, reject) => {
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('it does not answer')))
    socket.once('error', reject)
    socket.once('close', () => reject(closed()))
    socket.once(event, () => resolve(socket))
  })

/** A datagram each; what is lost on the way is lost. */
const overUdp = (url: URL): Sink => {
  const socket = createSocket(url.hostname.startsWith('[') ? 'udp6' : 'udp4')
  socket.on('error', () => undefined)
  socket.unref()
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return {
    send: async (messages) => {
      for (const message of messages)
        await new Promise<void>((resolve, reject) =>
          socket.send(message, Number(url.port), host, (error) =>
            error == null ? resolve() : reject(error),
          ),
        )
    },
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  }
}

const overHttps = (url: URL, ca: string | undefined): Sink => {
  const agent = new Agent({
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: { timeout: timeoutMs, ...(ca === undefined ? {} : { ca }) },
  })
  return {
    send: async (messages) => {
      const { statusCode, body } = await request(url, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: messages.map((message) => `${message}\n`).join(''),
        dispatcher: agent,
      })
      await body.dump({ limit: 64 * 1024 })
      if (statusCode < 200 || statusCode > 299) throw new Error(`it answered ${statusCode}`)
    },
    close: () => agent.close(),
  }
}

/** Appended and synced; the file is opened anew each time, so that it may be on what comes and goes. */
const intoFile = (path: string): Sink => ({
  send: async (messages) => {
    const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants
    const file = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o640)
    try {
      await file.appendFile(messages.map((message) => `${message}\n`).join(''))
      await file.sync()
    } finally {
      await file.close()
    }
  },
  close: async () => undefined,
})

/** Opens nothing yet. Throws for an address that is none: the configuration's schema has checked it. */
export const openSink = async ({ to, ca }: SinkSettings): Promise<Sink> => {
  const url = new URL(to)
  const certificates = ca === undefined ? undefined : await readFile(ca, 'utf8')
  const where = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) }
  switch (url.protocol) {
    case 'tcp:':
      return overStream(() => connected(connectPlain(where), 'connect'))
    case 'tls:':
      return overStream(() =>
        connected(
          connectTls({
            ...where,
            servername: where.host,
            ...(certificates === undefined ? {} : { ca: certificates }),
          }),
          'secureConnect',
        ),
      )
    case 'unix:':
      return overStream(() => connected(connectPlain(decodeURIComponent(url.pathname)), 'connect'))
    case 'udp:':
      return overUdp(url)
    case 'https:':
      return overHttps(url, certificates)
    case 'file:':
      return intoFile(decodeURIComponent(url.pathname))
    default:
      throw new TypeError(`no such way out: ${url.protocol}`)
  }
}
