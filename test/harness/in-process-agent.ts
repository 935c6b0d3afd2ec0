/** The agent within the test's own process, behind pipes that can be broken or held: the real verbs, no sshd. */
import { randomBytes } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { type AgentRole, formatAgentCommand } from '../../protocol/agent-line.ts'
import { runAgent } from '../../uiserver/agent/run-agent.ts'
import { openChannel } from '../../wire/channel.ts'
import { pairStreams } from '../../wire/pair.ts'
import type { Transport } from '../../wire/transport.ts'

export type InProcessAgent = Transport & {
  /** How often a verb was run. */
  readonly count: () => number
  /** Breaks whatever is open, as a network does. */
  readonly drop: () => void
  /** Ways that are open. */
  readonly open: () => number
}

export const inProcessAgent = (settings: {
  readonly role: AgentRole
  readonly site?: string
  /** What comes out of the agent, as a liar or a bad line would have it. */
  readonly tamper?: (out: PassThrough) => PassThrough
}): InProcessAgent => {
  const ways = new Set<() => void>()
  let count = 0
  const drop = (): void => {
    for (const end of ways) end()
  }
  return {
    count: () => count,
    open: () => ways.size,
    drop,
    close: drop,
    exec: async (verb, { signal, reached } = {}) => {
      signal?.throwIfAborted()
      count += 1
      reached?.()
      const nonce = randomBytes(16).toString('hex')
      const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
      const stream = pairStreams(settings.tamper?.(stdout) ?? stdout, stdin)
      const kill = (): void => void stream.destroy()
      ways.add(kill)
      const code = runAgent({
        role: settings.role,
        site: settings.site,
        originalCommand: formatAgentCommand(verb, nonce),
        stdin,
        stdout,
        stderr,
        env: {},
        entry: '/no/such/entry',
        record: async () => [],
      })
      const exit = code.then((value) => {
        ways.delete(kill)
        return { code: value, signal: null }
      })
      return openChannel({ stream, stderr, exit, kill, lost: () => undefined }, nonce, {
        timeout: 10_000,
        signal,
      })
    },
  }
}
