/** One SSH connection that is opened when first needed, kept, and opened again after it broke. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'ssh2'
import { SeneschalError } from '../protocol/errors.ts'
import { connectSsh, Dropped } from './ssh-connect.ts'
import { type HostKeys, loadHostKeys, loadSshKey, parseHostKeys, type SshKey } from './ssh-credentials.ts'
import type { SshGate } from './ssh-gate.ts'
import type { SshJump } from './ssh-jump.ts'

export type SshConnectionOptions = {
  readonly host: string
  readonly port?: number | undefined
  readonly username: string
  readonly privateKey: SshKey
  readonly hostKeys: HostKeys
  /** The bastion through which it is reached; not closed with the connection. */
  readonly jump?: SshJump | undefined
  /** One for all connections of the process. */
  readonly gate: SshGate
  /** Within which it must be ready, all attempts together, ms. */
  readonly readyTimeout?: number | undefined
  readonly keepaliveInterval?: number | undefined
  /** Within which the host must show its key, ms. */
  readonly answerTimeout?: number | undefined
  /** An ssh-agent that the host may be offered, never one that signs us in: for trying whether it would take it. */
  readonly agentSocket?: string
}

export type SshConnection = {
  /** The one that is open or opening, or a new one; one for all who ask. */
  readonly get: () => Promise<Client>
  /** Whether one is open or opening. */
  readonly isKept: () => boolean
  readonly isLost: (client: Client) => boolean
  /** Ends the one that is kept; the next `get` opens another. */
  readonly drop: () => void
  /** For good. */
  readonly close: () => void
}

export const createSshConnection = (options: SshConnectionOptions): SshConnection => {
  const port = options.port ?? 22
  const where = `${options.host}:${port}`
  const login = `${options.username}@${where}`
  const readyTimeout = options.readyTimeout ?? 10_000
  // What stands in the configuration is wrong from the start; what stands in a file, when it is read.
  if (!('knownHosts' in options.hostKeys)) parseHostKeys(options.hostKeys)
  const ended = new AbortController()
  const lost = new WeakSet<Client>()
  let connection: Promise<Client> | undefined

  const attempt = async (signal: AbortSignal): Promise<Client> => {
    options.gate.mayTry(login)
    const pins = await loadHostKeys(options.hostKeys, port)
    const auth = await loadSshKey(options.privateKey, options.username)
    const sock = await options.jump?.open(options.host, port, signal)
    try {
      const client = await connectSsh(
        {
          host: options.host,
          port,
          sock,
          auth,
          pins,
          keepaliveInterval: options.keepaliveInterval ?? 3000,
          answerTimeout: options.answerTimeout ?? 5000,
          ...(options.agentSocket === undefined ? {} : { agentSocket: options.agentSocket }),
        },
        signal,
      )
      options.gate.accepted(login)
      return client
    } catch (error) {
      sock?.destroy()
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

  const end = () => {
    const mine = connection
    connection = undefined
    mine?.then((client) => client.end()).catch(() => undefined)
  }

  return {
    get: () => {
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
    },
    isKept: () => connection !== undefined,
    isLost: (client) => lost.has(client),
    drop: end,
    close: () => {
      ended.abort(new SeneschalError('lost.connection', 'The transport was closed.'))
      end()
    },
  }
}
