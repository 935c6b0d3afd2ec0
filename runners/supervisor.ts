/**
 * The job supervisor: one detached process per account and host, which runs as that account and carries out what the
 * daemon asks over its socket. Jobs survive it; a new one finds them again.
 */
import type { Readable, Writable } from 'node:stream'

export type SupervisorParts = {
  /** The settings (`supervisorSettings` of protocol/agent.ts) as JSON, whole, until the end. */
  readonly stdin: Readable
  /** Gets `{"ready":true}` when the socket listens. */
  readonly stdout: Writable
  /** The process's environment; jobs see PATH, HOME, LANG, USER and TZ of it. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Resolves when the supervisor ended: nobody was connected and nothing ran for a while, or `signal` was aborted. */
export const runSupervisor = async (_parts: SupervisorParts, _signal?: AbortSignal): Promise<void> => {
  throw new Error('being written')
}
