/** The agent behind sshd: one connection per account and host, used by many execs, opened when first needed. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import ssh2, { type Client, type ClientChannel, type ParsedKey } from 'ssh2'
import { formatAgentCommand } from '../protocol/agent-line.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { openChannel } from './channel.ts'
import { orAborted } from './or-aborted.ts'
import { pairStreams } from './pair.ts'
import { connectSsh, Dropped, parseHostKeys } from './ssh-connect.ts'
import type { SshGate } from './ssh-gate.ts'
import type { Exit, Transport } from './transport.ts'

export type SshTransportOptions = {
  readonly host: string
  readonly port?: number
  readonly username: string
  /** OpenSSH or PEM private key without passphrase; a file is read at each connection, so a new key takes hold. */
  readonly privateKey: Buffer | { readonly file: string }
  /** OpenSSH public key lines, pinned: no other is accepted, none is trusted on first use. */
  readonly hostKeys: readonly string[]
  /** One for all transports of the process. */
  readonly gate: SshGate
  /** Within which a connection must be ready, all attempts together, ms. */
  readonly readyTimeout?: number
  /** Within which the agent must speak after that, ms. */
  readonly agentTimeout?: number
  readonly keepaliveInterval?: number
  /** Within which the host must show its key, ms. */
  readonly answerTimeout?: number
  /** A connection that nobody uses is closed after this, ms. */
  readonly idleAfter?: number
}

const loadKey = async (source: SshTransportOptions['privateKey']): Promise<ParsedKey> => {
  const key = ssh2.utils.parseKey(Buffer.isBuffer(source) ? source : await readFile(source.file))
  // Never the parser's own words: they may quote the key.
  if (key instanceof Error || !key.isPrivateKey())
    throw new SeneschalError('config.invalid', 'The SSH key is not a private key without passphrase.')
  return key
}

export const createSshTransport = (options: SshTransportOptions): Transport => {
  const port = options.port ?? 22
  const where = `${options.host}:${port}`
  const login = `${options.username}@${where}`
  const readyTimeout = options.readyTimeout ?? 10_000
  const pins = parseHostKeys(options.hostKeys)
  const ended = new AbortController()
  const channels = new Set<() => void>()
  const lost = new WeakSet<Client>()
  let connection: Promise<Client> | undefined
  let idle: NodeJS.Timeout | undefined

  const attempt = async (signal: AbortSignal): Promise<Client> => {
    options.gate.mayTry(login)
    const key = await loadKey(options.privateKey)
    try {
      const client = await connectSsh(
        {
          host: options.host,
          port,
          username: options.username,
          key,
          pins,
          keepaliveInterval: options.keepaliveInterval ?? 3000,
          answerTimeout: options.answerTimeout ?? 5000,
        },
        signal,
      )
      options.gate.accepted(login)
      return client
    } catch (error) {
      if (error instanceof SeneschalError && error.code === 'ssh.auth-failed') options.gate.refused(login)
      throw error
    }
  }

  const connect = async (): Promise<Client> => {
    const late = AbortSignal.timeout(readyTimeout)
    const signal = AbortSignal.any([late, ended.signal])
    try {
      for (let tries = 0; ; tries += 1) {
        try {
          return await options.gate.handshake(where, signal, () => attempt(signal))
        } catch (error) {
          if (!(error instanceof Dropped)) throw error
          await sleep(options.gate.pause(tries), undefined, { signal })
        }
      }
    } catch (error) {
      if (late.aborted && !(error instanceof SeneschalError))
        throw new SeneschalError('host.unreachable', `${where}: no answer within ${readyTimeout / 1000} s.`)
      throw ended.signal.aborted ? ended.signal.reason : error
    }
  }

  const connected = (): Promise<Client> => {
    if (connection !== undefined) return connection
    const mine = connect()
    connection = mine
    const forget = () => {
      if (connection === mine) connection = undefined
    }
    mine.then(
      (client) =>
        client.once('close', () => {
          lost.add(client)
          forget()
        }),
      forget,
    )
    return mine
  }

  /** Of the connection: channels, and execs that wait for theirs. */
  let users = 0
  const enter = () => {
    users += 1
    clearTimeout(idle)
  }
  const leave = () => {
    users -= 1
    if (users > 0 || ended.signal.aborted) return
    idle = setTimeout(() => {
      const mine = connection
      connection = undefined
      mine?.then((client) => client.end()).catch(() => undefined)
    }, options.idleAfter ?? 60_000).unref()
  }

  const openOn = async (
    client: Client,
    command: string,
    signal: AbortSignal | undefined,
  ): Promise<ClientChannel> => {
    const opening = execute(client, command)
    return await orAborted(opening, signal).catch((error: unknown) => {
      // Given up by the caller: a channel that opens all the same must not stay.
      opening.then((late) => late.close()).catch(() => undefined)
      throw error
    })
  }

  /** A kept connection may have died without anybody having noticed: then a fresh one tells whether the host did. */
  const openRaw = async (
    command: string,
    signal: AbortSignal | undefined,
    reached?: (() => void) | undefined,
  ) => {
    const kept = connection
    const client = await orAborted(connected(), signal)
    reached?.()
    try {
      return { client, raw: await openOn(client, command, signal) }
    } catch (error) {
      if (kept === undefined || !(await isGone(client)) || signal?.aborted === true) throw error
      const fresh = await orAborted(connected(), signal)
      return { client: fresh, raw: await openOn(fresh, command, signal) }
    }
  }
  /** Its end may be told just after the refusal that it is the reason of. */
  const isGone = async (client: Client): Promise<boolean> => {
    if (!lost.has(client)) await new Promise((resolve) => setImmediate(resolve))
    return lost.has(client)
  }

  return {
    exec: async (verb, { signal, reached } = {}) => {
      ended.signal.throwIfAborted()
      signal?.throwIfAborted()
      const nonce = randomBytes(16).toString('hex')
      enter()
      const { client, raw } = await openRaw(formatAgentCommand(verb, nonce), signal, reached).catch(
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
      const exit = new Promise<Exit>((resolve) => {
        let last: Exit = { code: null, signal: null }
        raw.once('exit', (code: number | null, name?: string) => {
          last = { code, signal: name ?? null }
        })
        raw.once('close', () => resolve(last))
      })
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
          lost: () => (lost.has(client) ? new SeneschalError('lost.connection', where) : undefined),
        },
        nonce,
        { timeout: options.agentTimeout ?? 10_000, signal },
      )
    },
    close: () => {
      ended.abort(new SeneschalError('lost.connection', 'The transport was closed.'))
      clearTimeout(idle)
      for (const kill of channels) kill()
      connection?.then((client) => client.end()).catch(() => undefined)
    },
  }
}

const execute = (client: Client, command: string): Promise<ClientChannel> =>
  new Promise((resolve, reject) => {
    const refuse = (cause: unknown) =>
      reject(new SeneschalError('lost.connection', 'The host opened no channel.', { cause }))
    try {
      client.exec(command, (error, channel) => (error === undefined ? resolve(channel) : refuse(error)))
    } catch (cause) {
      refuse(cause)
    }
  })
