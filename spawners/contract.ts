/**
 * What a spawner is: it brings an account's UI server to life as that account, says whether it lives, ends it, and
 * opens byte streams to it. A new one is one file that implements `Spawner` and one line in spawners/registry.ts.
 */
import type { Duplex } from 'node:stream'
import type { SpawnSettings, StatsAnswer } from '../protocol/agent.ts'

/** Of this contract. A spawner names the one that it was written for, and the registry's type compares. */
export const spawnerContract = 1

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/**
 * Where a server is, in whatever terms its spawner needs. Plain JSON that a hub stores and gives back unread, even
 * after a restart and to a later version: a spawner parses it as it parses any input.
 */
export type Handle = {
  /** Which run of the server: the one of the settings, or of the server that was found up. Part of `aud`. */
  readonly instance: string
  readonly [key: string]: Json
}

export type StartProgress = {
  /** One sentence for the person who waits. Never a secret. */
  readonly text: string
  /**
   * Present once it is decided where the server will be and before anything is launched there. The spawner waits
   * until the listener has stored it; from then on `poll` and `stop` with it find the server, or that there is
   * none, so that a hub killed at any moment leaves no orphan and starts no second one.
   */
  readonly handle?: Handle
  /** The host's name for people, present with the handle. */
  readonly host?: string
}

export type ServerState =
  | {
      readonly state: 'running'
      readonly version: string
      readonly startedAt: number
      /** Resident, bytes, where it is known. */
      readonly memory?: number
    }
  /**
   * The process is there but does not answer: hung, or on its way down. If it is busy it may merely be slow: it did
   * something while it was waited for, or waits for a processor or a disk.
   */
  | { readonly state: 'silent'; readonly busy: boolean }
  /** Gone, or never came up. `log` is its own last lines, where they are left. */
  | { readonly state: 'exited'; readonly log: readonly string[] }

/** A host that servers may go to. */
export type HostView = {
  readonly host: string
  readonly labels: readonly string[]
  /** By configuration it takes no new servers. */
  readonly condemned: boolean
  /** It did not answer, and is not asked again before then; epoch ms. */
  readonly downUntil: number | null
  /** The last that is known of its load. */
  readonly measured: (StatsAnswer & { /** Epoch, ms. */ readonly at: number }) | null
}

export type Spawner = {
  /**
   * Start the account's server, or find the one that is up: idempotent, also across concurrent callers and hubs.
   * Resolves when it accepts streams. `settings` reach the server through a pipe, never through a command line,
   * an environment or a file; where a batch system starts it later, through a file that the account alone reads. Aborting `signal` ends a start under way and what it launched.
   * Rejects with a SeneschalError: `spawn.failed` (with the server's last lines), `spawn.timeout`,
   * `host.unreachable`, `host.key-unknown`, `ssh.auth-failed`, `agent.missing`, `agent.version`, …
   */
  readonly start: (
    account: string,
    settings: SpawnSettings,
    progress: (event: StartProgress) => void | Promise<void>,
    signal: AbortSignal,
  ) => Promise<Handle>
  /** Rejects when it cannot be told: a failed query is never "dead". */
  readonly poll: (handle: Handle, signal?: AbortSignal) => Promise<ServerState>
  /** Resolves when that instance no longer runs, at once if it did not; never touches another instance. */
  readonly stop: (handle: Handle, signal?: AbortSignal) => Promise<void>
  /**
   * A fresh byte stream to that instance. Rejects with `server.off` where it does not run, `tunnel.closed` or a
   * code of the connection otherwise. Not drained for 30 s, it is cut.
   */
  readonly dial: (handle: Handle, signal?: AbortSignal) => Promise<Duplex>
  /**
   * Tells which instance a way was open to that has broken by itself: a reason to poll it at once. Returns how to be
   * told no more. A spawner without it has its servers' ends noticed by the next poll.
   */
  readonly onLost?: (listener: (instance: string) => void) => () => void
  /**
   * Whether the host of a server is silent, asked over a way of its own, while another that could take the server
   * answers: then it is started there, and ended where it was as soon as that host answers again. If so, streams to
   * it end, for nobody else would end them. Rejects when it cannot be told. A spawner without it has its servers wait for their host.
   */
  readonly isDark?: (handle: Handle, signal: AbortSignal) => Promise<boolean>
  /** Hosts that take no new servers until it is said otherwise; what runs there goes on. */
  readonly condemn?: (hosts: ReadonlySet<string>) => void
  /** The hosts among which it chooses, where it does. */
  readonly hosts?: () => readonly HostView[]
  /**
   * Measures them all again, for `hosts` to show; nobody waits for it, and what does not answer is passed over.
   * `accountsOn` names accounts with servers on a host: as them it can be asked.
   */
  readonly sample?: (accountsOn: (host: string) => readonly string[], signal: AbortSignal) => Promise<void>
  /** The server's own last lines, while it runs. */
  readonly log?: (handle: Handle, signal?: AbortSignal) => Promise<readonly string[]>
  /** Ends streams and connections, not the servers. */
  readonly close: () => Promise<void>
}

/** What every spawner is given besides its options. */
export type SpawnerDeps = {
  /** Epoch, ms. */
  readonly now: () => number
  /** The environment from which children get their PATH, HOME and locale; nothing else of it reaches them. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The installation's entry file, absolute; `agent`, `uiserver` and `supervisor` are verbs of it. */
  readonly entry: string
  /** In [0, 1). */
  readonly random: () => number
  /** For operators: refused keys, dropped bytes, lost connections. Never a secret. */
  readonly warn: (message: string, context: Readonly<Record<string, unknown>>) => void
}

/** One row of the registry. `Options` come parsed: the configuration is checked as a whole when it is loaded. */
export type SpawnerDefinition<Options> = {
  readonly contract: typeof spawnerContract
  readonly create: (options: Options, deps: SpawnerDeps) => Spawner
}
