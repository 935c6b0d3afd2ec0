/**
 * HTTP/1.1 load over plain sockets: each connection sends its next request when it has the answer to the last one.
 * Written here because what a general client costs per request would hide what a proxy costs on two cores.
 */
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { percentile } from './report/statistics.ts'

export type Target = {
  readonly port: number
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
}
export type Load = Target & { readonly connections: number; readonly ms: number }
export type Loaded = {
  readonly perSecond: number
  /** ms */
  readonly p50: number
  readonly p99: number
  readonly count: number
}

const lengthPattern = /\r\ncontent-length: ?(\d+)\r\n/i
const chunkedPattern = /\r\ntransfer-encoding: ?chunked\r\n/i

/** How many bytes the answer at the start of the buffer has; undefined while that cannot be told. */
const sizeOf = (buffer: Buffer): number | undefined => {
  const head = buffer.indexOf('\r\n\r\n')
  if (head === -1) return undefined
  const text = buffer.toString('latin1', 0, head + 2)
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(`an answer that is none: ${text.slice(0, 300)}`)
  const length = lengthPattern.exec(text)?.[1]
  if (length !== undefined) return head + 4 + Number(length)
  if (!chunkedPattern.test(text)) throw new Error(`an answer without an end: ${text}`)
  const end = buffer.indexOf('0\r\n\r\n', head + 2)
  return end === -1 ? undefined : end + 5
}

const requestText = ({ path, port, headers = {} }: Target): Buffer =>
  Buffer.from(
    `GET ${path} HTTP/1.1\r\n${Object.entries({ host: `localhost:${port}`, accept: '*/*', ...headers })
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')}\r\n`,
  )

const drive = (load: Load, request: Buffer, until: number, taken: number[]): Promise<void> =>
  new Promise((resolve, reject) => {
    let rest: Buffer = Buffer.alloc(0)
    let sent = 0
    const socket: Socket = connect(load.port, '127.0.0.1', () => {
      socket.setNoDelay(true)
      send()
    })
    const send = () => {
      sent = performance.now()
      socket.write(request)
    }
    socket.on('data', (chunk: Buffer) => {
      try {
        rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
        const size = sizeOf(rest)
        if (size === undefined || rest.length < size) return
        rest = rest.subarray(size)
        const now = performance.now()
        taken.push(now - sent)
        if (now < until) send()
        else socket.end(resolve)
      } catch (error) {
        socket.destroy()
        reject(error)
      }
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`port ${load.port} closed a kept connection`)))
  })

export const loadHttp = async (load: Load): Promise<Loaded> => {
  const request = requestText(load)
  const taken: number[] = []
  const began = performance.now()
  const until = began + load.ms
  await Promise.all(Array.from({ length: load.connections }, () => drive(load, request, until, taken)))
  const seconds = (performance.now() - began) / 1000
  return {
    perSecond: taken.length / seconds,
    p50: percentile(taken, 0.5),
    p99: percentile(taken, 0.99),
    count: taken.length,
  }
}

/**
 * One request every so many ms, however long the others take, until `over` is aborted; ms of each from when it was due,
 * so that a time in which nothing is answered counts for all who come in it.
 */
export const readAtTimes = async (
  { port, path, headers = {} }: Target,
  every: number,
  over: AbortSignal,
): Promise<readonly number[]> => {
  const agent = new Agent({ keepAlive: true })
  const taken: number[] = []
  const read = async (due: number): Promise<void> => {
    const [answer] = (await once(get({ host: '127.0.0.1', port, path, headers, agent }), 'response')) as [
      IncomingMessage,
    ]
    await once(answer.resume(), 'end')
    if (answer.statusCode !== 200) throw new Error(`an answer that is none: ${answer.statusCode}`)
    taken.push(performance.now() - due)
  }
  const reads: Promise<void>[] = []
  for (let due = performance.now(); !over.aborted; due += every) {
    await sleep(Math.max(0, due - performance.now()))
    const one = read(due)
    // Told by the wait for all of them.
    one.catch(() => undefined)
    reads.push(one)
  }
  await Promise.all(reads)
  agent.destroy()
  return taken
}
