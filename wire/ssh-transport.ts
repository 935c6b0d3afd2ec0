/** The agent behind sshd: one connection per account and host, used by many execs, opened when first needed. */
import { randomBytes } from 'node:crypto'
import type { Client, ClientChannel } from 'ssh2'
import { formatAgentCommand } from '../protocol/agent-line.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { openChannel } from './channel.ts'
import { orAborted } from './or-aborted.ts'
import { pairStreams } from './pair.ts'
import { createSshConnection, type SshConnectionOptions } from './ssh-connection.ts'
import type { Exit, Transport } from './transport.ts'

export type SshTransportOptions = SshConnectionOptions & {
  /** Within which the agent must speak once it is connected, ms. */
  readonly agentTimeout?: number
  /** A connection that nobody uses is closed after this, ms. */
  readonly idleAfter?: number
}

export const createSshTransport = (options: SshTransportOptions): Transport => {
  const where = `${options.host}:${options.port ?? 22}`
  const connection = createSshConnection(options)
  const channels = new Set<() => void>()
  let isClosed = false
  let idle: NodeJS.Timeout | undefined

  /** Of the connection: channels, and execs that wait for theirs. */
  let users = 0
  const enter = () => {
    users += 1
    clearTimeout(idle)
  }
  const leave = () => {
    users -= 1
    if (users > 0 || isClosed) return
    idle = setTimeout(connection.drop, options.idleAfter ?? 60_000).unref()
  }

  const openOn = async (
    client: Client,
    command: string,
    signal: AbortSignal | undefined,
  ): Promise<Executed> => {
    const opening = execute(client, command)
    return await orAborted(opening, signal).catch((error: unknown) => {
      // Given up by the caller: a channel that opens all the same must not stay.
      opening.then(({ raw }) => raw.close()).catch(() => undefined)
      throw error
    })
  }

  /** A kept connection may have died without anybody having noticed: then a fresh one tells whether the host did. */
  const openRaw = async (
    command: string,
    signal: AbortSignal | undefined,
    reached?: (() => void) | undefined,
  ) => {
    const wasKept = connection.isKept()
    const client = await orAborted(connection.get(), signal)
    reached?.()
    try {
      return { client, ...(await openOn(client, command, signal)) }
    } catch (error) {
      if (!wasKept || !(await isGone(client)) || signal?.aborted === true) throw error
      const fresh = await orAborted(connection.get(), signal)
      return { client: fresh, ...(await openOn(fresh, command, signal)) }
    }
  }
  /** Its end may be told just after the refusal that it is the reason of. */
  const isGone = async (client: Client): Promise<boolean> => {
    if (!connection.isLost(client)) await new Promise((resolve) => setImmediate(resolve))
    return connection.isLost(client)
  }

  return {
    exec: async (verb, { signal, reached } = {}) => {
      if (isClosed) throw new SeneschalError('lost.connection', 'The transport was closed.')
      signal?.throwIfAborted()
      const nonce = randomBytes(16).toString('hex')
      enter()
      const { client, raw, exit } = await openRaw(formatAgentCommand(verb, nonce), signal, reached).catch(
        (error: unknown) => {
          leave()
          throw error
        },
      )
      const stream = pairStreams(raw, raw)
      const kill = () => {
        stream.destroy()
        raw.close()
      }
      channels.add(kill)
      void exit.then(() => {
        channels.delete(kill)
        leave()
      })
      return openChannel(
        {
          stream,
          stderr: raw.stderr,
          exit,
          kill,
          lost: () => (connection.isLost(client) ? new SeneschalError('lost.connection', where) : undefined),
        },
        nonce,
        { timeout: options.agentTimeout ?? 10_000, signal },
      )
    },
    close: () => {
      isClosed = true
      clearTimeout(idle)
      for (const kill of channels) kill()
      connection.close()
    },
  }
}

type Executed = { readonly raw: ClientChannel; readonly exit: Promise<Exit> }

/** How it ends is listened for from the start: a program that ends at once is told of in the packet of its channel. */
const exitOf = (raw: ClientChannel): Promise<Exit> =>
  new Promise((resolve) => {
    let last: Exit = { code: null, signal: null }
    raw.once('exit', (code: number | null, name?: string) => {
      last = { code, signal: name ?? null }
    })
    raw.once('close', () => resolve(last))
  })

const execute = (client: Client, command: string): Promise<Executed> =>
  new Promise((resolve, reject) => {
    const refuse = (cause: unknown) =>
      reject(new SeneschalError('lost.connection', 'The host opened no channel.', { cause }))
    try {
      client.exec(command, (error, raw) =>
        error === undefined ? resolve({ raw, exit: exitOf(raw) }) : refuse(error),
      )
    } catch (cause) {
      refuse(cause)
    }
  })
