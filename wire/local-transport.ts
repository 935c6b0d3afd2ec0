/** The agent as a child of this process: the same user, the same command line as sshd would hand over. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { formatAgentCommand } from '../protocol/agent-line.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { openChannel } from './channel.ts'
import { childEnvironment, type Environment } from './environment.ts'
import { pairStreams } from './pair.ts'
import type { Exit, Transport } from './transport.ts'

export type LocalTransportOptions = {
  /** What an authorized_keys line would have as forced command, as a list: no shell sees it. */
  readonly command: readonly [string, ...string[]]
  readonly env: Environment
  /** Within which the agent must speak, ms. */
  readonly agentTimeout?: number
  /** What it gets to end by itself once nobody listens to it, ms. */
  readonly grace?: number
}

/** Longer than the agent gives a server to end. */
const usualGrace = 15_000

export const createLocalTransport = (options: LocalTransportOptions): Transport => {
  const [program, ...args] = options.command
  const open = new Set<() => void>()
  let closed = false

  return {
    exec: async (verb, { signal, reached } = {}) => {
      signal?.throwIfAborted()
      if (closed) throw new SeneschalError('lost.connection', 'The transport was closed.')
      reached?.()
      const nonce = randomBytes(16).toString('hex')
      const child = spawn(program, args, {
        env: { ...childEnvironment(options.env), SSH_ORIGINAL_COMMAND: formatAgentCommand(verb, nonce) },
        stdio: ['pipe', 'pipe', 'pipe'],
      })
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
        child.once('exit', (code, name) => resolve({ code, signal: name }))
      })
      open.add(kill)
      void exit.then(() => open.delete(kill))
      return openChannel({ stream, stderr: child.stderr, exit, kill, lost: () => broken }, nonce, {
        timeout: options.agentTimeout ?? 10_000,
        signal,
      })
    },
    close: () => {
      closed = true
      for (const kill of open) kill()
    },
  }
}
