/** A bastion in front of hosts: one connection to it, through which connections to hosts behind it go. */
import type { Duplex } from 'node:stream'
import type { Client } from 'ssh2'
import { SeneschalError } from '../protocol/errors.ts'
import { orAborted } from './or-aborted.ts'
import { createSshConnection, type SshConnectionOptions } from './ssh-connection.ts'

export type SshJump = {
  /**
   * A byte stream to that address as the bastion sees it. Rejects with `host.unreachable`, `host.key-unknown`,
   * `ssh.auth-failed`, each naming the bastion, or with the signal's reason.
   */
  readonly open: (host: string, port: number, signal: AbortSignal) => Promise<Duplex>
  readonly close: () => void
}

export const createSshJump = (options: Omit<SshConnectionOptions, 'jump'>): SshJump => {
  const where = `${options.host}:${options.port ?? 22}`
  const connection = createSshConnection(options)

  const forward = (client: Client, host: string, port: number): Promise<Duplex> =>
    new Promise((resolve, reject) => {
      const refuse = (cause: unknown) =>
        reject(
          new SeneschalError('host.unreachable', `The bastion ${where} has no way to ${host}:${port}.`, {
            cause,
          }),
        )
      try {
        client.forwardOut('127.0.0.1', 0, host, port, (error, stream) =>
          error === undefined ? resolve(stream) : refuse(error),
        )
      } catch (cause) {
        refuse(cause)
      }
    })

  return {
    open: async (host, port, signal) => {
      const client = await orAborted(connection.get(), signal).catch((error: unknown) => {
        if (!(error instanceof SeneschalError)) throw error
        throw new SeneschalError(error.code, `The bastion: ${error.detail ?? error.message}`, {
          cause: error,
        })
      })
      const opening = forward(client, host, port)
      return await orAborted(opening, signal).catch((error: unknown) => {
        // Given up by the caller: a stream that opens all the same must not stay.
        opening.then((late) => late.destroy()).catch(() => undefined)
        throw error
      })
    },
    close: connection.close,
  }
}
