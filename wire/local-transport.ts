/**
 * The agent through a child of this process: the agent itself with the command line that sshd would hand over, or a
 * program that takes that line elsewhere, such as `ssh`, `sudo` or a container's `exec`.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatAgentCommand } from '../protocol/agent-line.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { keepTail, openChannel } from './channel.ts'
import { childEnvironment, type Environment } from './environment.ts'
import { pairStreams } from './pair.ts'
import type { Exit, Transport } from './transport.ts'

export type LocalTransportOptions = {
  /** What an authorized_keys line would have as forced command, as a list: no shell sees it. */
  readonly command: readonly [string, ...string[]]
  /** Of it a child gets what a login would set, nothing else. */
  readonly env: Environment
  /**
   * How the verb and its nonce get there: as SSH_ORIGINAL_COMMAND in the child's environment, or as one more argument,
   * the last, for a program that runs an agent elsewhere. Default `environment`.
   */
  readonly verbAs?: 'environment' | 'argument'
  /** Set in the child besides, such as where credentials are. Never a secret: the account's other processes see it. */
  readonly extra?: Readonly<Record<string, string>>
  /** Why the program ended before the agent spoke, where that is known; else it counts as `agent.missing`. */
  readonly explain?: (exit: Exit, stderr: string) => SeneschalError | undefined
  /** Within which the agent must speak, ms. */
  readonly agentTimeout?: number
  /** What it gets to end by itself once nobody listens to it, ms. */
  readonly grace?: number
}

/** Longer than the agent gives a server to end. */
const usualGrace = 15_000
/** What a program's last words may take after its end, ms. */
const lastWords = 300

export const createLocalTransport = (options: LocalTransportOptions): Transport => {
  const [program, ...args] = options.command
  const isElsewhere = options.verbAs === 'argument'
  const open = new Set<() => void>()
  let closed = false

  return {
    exec: async (verb, { signal, reached } = {}) => {
      signal?.throwIfAborted()
      if (closed) throw new SeneschalError('lost.connection', 'The transport was closed.')
      if (!isElsewhere) reached?.()
      const nonce = randomBytes(16).toString('hex')
      const line = formatAgentCommand(verb, nonce)
      const child = spawn(program, isElsewhere ? [...args, line] : args, {
        env: {
          ...childEnvironment(options.env),
          ...options.extra,
          ...(isElsewhere ? {} : { SSH_ORIGINAL_COMMAND: line }),
        },
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      const said = keepTail(child.stderr)
      let broken: SeneschalError | undefined
      const stream = pairStreams(child.stdout, child.stdin)
      // As when an SSH channel closes: the agent sees the end of its stdin and undoes what it had begun. A signal at
      // once would leave a server half started.
      let killed = false
      const kill = () => {
        if (killed) return
        killed = true
        stream.destroy()
        const overdue = setTimeout(() => child.kill('SIGKILL'), options.grace ?? usualGrace).unref()
        void exit.then(() => clearTimeout(overdue))
      }
      const exit = new Promise<Exit>((resolve) => {
        child.once('error', (cause) => {
          broken = new SeneschalError('agent.missing', `${program} cannot be run.`, { cause })
          resolve({ code: null, signal: null })
        })
        child.once('exit', (code, name) => {
          const end: Exit = { code, signal: name }
          const { explain } = options
          if (explain === undefined) return resolve(end)
          // What it said last may come after its end, and never where a process of its own holds the pipe.
          const heard = finished(child.stderr).catch(() => undefined)
          void Promise.race([heard, sleep(lastWords, undefined, { ref: false })]).then(() => {
            broken ??= explain(end, said())
            resolve(end)
          })
        })
      })
      open.add(kill)
      void exit.then(() => open.delete(kill))
      const channel = await openChannel(
        { stream, stderr: child.stderr, exit, kill, lost: () => broken },
        nonce,
        { timeout: options.agentTimeout ?? 10_000, signal },
      )
      if (isElsewhere) reached?.()
      return channel
    },
    close: () => {
      closed = true
      for (const kill of open) kill()
    },
  }
}
