/**
 * A way to run the agent's verbs as one account on one host. `createLocalTransport` (wire/local-transport.ts) runs
 * the agent as a child, `createSshTransport` (wire/ssh-transport.ts) through sshd; both go through the same
 * SSH_ORIGINAL_COMMAND, so the agent has one code path.
 */
import type { Duplex } from 'node:stream'
import type { AgentVerb } from '../protocol/agent-line.ts'

export type Exit = { readonly code: number | null; readonly signal: string | null }

export type Channel = {
  /** The verb's stdin and stdout, from the byte after the preamble on. */
  readonly stream: Duplex
  /** What was printed before the preamble (a login script): dropped, kept to be shown. */
  readonly noise: string
  /** The last 4 KiB of stderr so far. */
  readonly stderr: () => string
  readonly exit: Promise<Exit>
  /** Ends the channel at once; the agent sees the end of its stdin. Safe to repeat. */
  readonly kill: () => void
}

export type ExecOptions = {
  readonly signal?: AbortSignal | undefined
  /** Called once the host has let us in: what goes wrong from then on is about the account. */
  readonly reached?: (() => void) | undefined
}

export type Transport = {
  /**
   * Run one verb; resolves when the agent said its preamble. Rejects with `host.unreachable`, `host.key-unknown`,
   * `ssh.auth-failed`, `agent.missing` (with what came instead), `agent.version`, `agent.failed`, `lost.connection`.
   */
  readonly exec: (verb: AgentVerb, options?: ExecOptions) => Promise<Channel>
  readonly close: () => void
}
