/** A connection to an SSH host: pinned host key, public key only, and what went wrong as a code. */
import type { Duplex } from 'node:stream'
import ssh2, { type AgentAuthMethod, type Client, type ParsedKey, type PublicKeyAuthMethod } from 'ssh2'
import { SeneschalError } from '../protocol/errors.ts'

/** For the caller, who may try again: sshd let go of us before it knew who we are (MaxStartups, a restart). */
export class Dropped extends Error {}

export type ConnectOptions = {
  readonly host: string
  readonly port: number
  /** A way to it that is open already, through a bastion. */
  readonly sock?: Duplex | undefined
  /** The only method that is tried. */
  readonly auth: PublicKeyAuthMethod | AgentAuthMethod
  readonly pins: readonly ParsedKey[]
  readonly keepaliveInterval: number
  /** Within which the host must have shown its key, ms: who comes after that, such as a directory, may be slower. */
  readonly answerTimeout: number
  /** An ssh-agent to be offered where a channel asks for it. */
  readonly agentSocket?: string
}

const hostKeyAlgorithms = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const

/**
 * Pinned kinds first, or a host with several keys might present one that is not pinned. The others stay, so that a
 * host without any pinned kind fails on the pin, with its name, instead of in the negotiation.
 */
const preferPinned = (pins: readonly ParsedKey[]) => {
  const isPinned = (algorithm: string) =>
    pins.some(({ type }) => type === algorithm || (type === 'ssh-rsa' && algorithm.startsWith('rsa-')))
  return hostKeyAlgorithms.toSorted((a, b) => Number(isPinned(b)) - Number(isPinned(a)))
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Rejects with a SeneschalError, with `Dropped`, or with the signal's reason. */
export const connectSsh = (options: ConnectOptions, signal: AbortSignal): Promise<Client> =>
  new Promise((resolve, reject) => {
    const client = new ssh2.Client()
    const where = `${options.host}:${options.port}`
    let known: boolean | undefined
    let connected = options.sock !== undefined

    const translate = (error: Error & { level?: string; code?: string }): Error => {
      if (known === false) return new SeneschalError('host.key-unknown', where)
      if (error.level === 'agent')
        return new SeneschalError('config.invalid', `The ssh-agent: ${reason(error)}`, { cause: error })
      if (error.level === 'client-authentication')
        return new SeneschalError('ssh.auth-failed', `${options.auth.username}@${where}`)
      const told = () =>
        new SeneschalError('host.unreachable', `${where}: ${reason(error)}`, { cause: error })
      if (!connected) return told()
      return known === undefined ? new Dropped(reason(error), { cause: error }) : told()
    }
    const finish = (act: () => void) => {
      clearTimeout(answer)
      signal.removeEventListener('abort', abort)
      act()
    }
    const fail = (error: Error) => {
      finish(() => reject(translate(error)))
      client.destroy()
    }
    const abort = () => {
      finish(() => reject(signal.reason))
      client.destroy()
    }
    // Not `Dropped`, which is tried again: whoever is silent for so long is not there.
    const silence = () => {
      const seconds = options.answerTimeout / 1000
      finish(() => reject(new SeneschalError('host.unreachable', `${where}: no answer within ${seconds} s.`)))
      client.destroy()
    }
    const answer = setTimeout(silence, options.answerTimeout)

    signal.addEventListener('abort', abort, { once: true })
    client
      .on('connect', () => {
        connected = true
      })
      .on('error', fail)
      .on('close', () => fail(new Error('The host closed the connection.')))
      .on('ready', () => {
        client.setNoDelay(true)
        finish(() => resolve(client))
      })
    if (signal.aborted) return abort()
    try {
      client.connect({
        host: options.host,
        port: options.port,
        username: options.auth.username,
        ...(options.sock === undefined ? {} : { sock: options.sock }),
        hostVerifier: (presented: Buffer) => {
          clearTimeout(answer)
          known = options.pins.some((pin) => pin.getPublicSSH().equals(presented))
          return known
        },
        algorithms: { serverHostKey: preferPinned(options.pins) },
        // Without a leading `none`, one refusal is one attempt in the host's eyes.
        authHandler: [options.auth],
        ...(options.agentSocket === undefined ? {} : { agent: options.agentSocket }),
        keepaliveInterval: options.keepaliveInterval,
        keepaliveCountMax: 2,
        // The deadline is the signal's, over all attempts together.
        readyTimeout: 0,
      })
    } catch (error) {
      fail(new Error(reason(error), { cause: error }))
    }
  })
