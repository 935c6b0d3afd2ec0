/** The accounts' hosts: a dispatch for each account, and what is said when one cannot be reached. */
import { hostname } from 'node:os'
import type { JobsSettings } from '../protocol/agent.ts'
import { asSeneschalError } from '../protocol/errors.ts'
import { openJobs } from '../wire/agent-calls.ts'
import type { Transport } from '../wire/transport.ts'
import type { AccountConfig, DaemonConfig } from './config.ts'
import { mayBegin } from './control/standstill.ts'
import { type AttemptParts, becomeCopier } from './copies/attempt.ts'
import { createDispatch, type Dispatch } from './dispatch.ts'
import type { DaemonEvent } from './events.ts'
import { createJobsClient } from './jobs-client.ts'
import type { SiteLayout } from './layout.ts'
import type { Log } from './log.ts'
import type { DaemonState } from './state.ts'

export type HostParts = {
  readonly config: DaemonConfig
  readonly layout: SiteLayout
  /** Those that are served. */
  readonly accounts: readonly string[]
  readonly state: DaemonState
  readonly createTransport: (account: string, config: AccountConfig) => Transport
  /** Of this daemon's lease: a supervisor obeys no smaller one. */
  readonly epoch: number
  readonly commit: (events: readonly DaemonEvent[]) => Promise<void>
  readonly now: () => number
  readonly random: () => number
  readonly log: Log
  readonly problemOf: (account: string) => string | null
  readonly report: (where: string, what: unknown) => void
}

export type Hosts = {
  readonly dispatches: ReadonlyMap<string, Dispatch>
  /** A copier of the account on its host; undefined where the account has none. */
  readonly copierOf: (account: string) => AttemptParts['user'] | undefined
  /** Why an account is not served, or why its jobs are not. */
  readonly problemOf: (account: string) => string | null
}

/** The supervisor may have to be started first, behind a slow login, ms. */
const copierTimeout = 30_000

/** The host as people know it. */
export const hostOf = (config: DaemonConfig, account: string): string | null => {
  const entry = config.accounts[account]
  if (entry === undefined) return null
  return entry.host ?? (entry.transport.kind === 'ssh' ? entry.transport.host : hostname())
}

export const createHosts = (parts: HostParts): Hosts => {
  const { config, layout, state, commit, now, log } = parts
  const unreachable = new Map<string, string>()
  const problemOf = (account: string): string | null =>
    parts.problemOf(account) ?? unreachable.get(account) ?? null

  const onReach = (account: string) => (why: unknown) => {
    parts.report(`jobs of ${account}`, why)
    if (why === null) unreachable.delete(account)
    else unreachable.set(account, `Its jobs cannot be started or asked for: ${asSeneschalError(why).message}`)
    const title = state.accounts.get(account)?.title ?? null
    void commit([{ kind: 'account', at: now(), account, title, problem: problemOf(account) }])
  }

  const transports = new Map<string, Transport>()
  const transportOf = (account: string, entry: AccountConfig): Transport => {
    const transport = transports.get(account) ?? parts.createTransport(account, entry)
    transports.set(account, transport)
    return transport
  }
  const settingsOf = (account: string, entry: AccountConfig): JobsSettings => ({
    version: 1,
    account,
    jobEvents: layout.jobEvents(account),
    ...(entry.agentDir === undefined ? {} : { runDirRoot: entry.agentDir }),
    ...(entry.jobRoot === undefined ? {} : { jobRoot: entry.jobRoot }),
  })
  const saidOf = (account: string) => ({
    noise: (text: string) => log.warn({ account, text }, 'a login script prints'),
    progress: (text: string) => log.info({ account, text }, 'the agent says'),
  })

  const connect = (account: string, entry: AccountConfig): Dispatch =>
    createDispatch({
      account,
      client: createJobsClient(
        transportOf(account, entry),
        settingsOf(account, entry),
        parts.epoch,
        saidOf(account),
      ),
      state,
      definitions: config.definitions,
      commit,
      now,
      mayBegin: (runner) => mayBegin(state.standstill, { account, host: hostOf(config, account), runner }),
      onReach: onReach(account),
      onRefused: (what, problem) => parts.report(`${what} of jobs of ${account}`, problem),
      random: parts.random,
    })

  const dispatches = new Map<string, Dispatch>()
  for (const account of parts.accounts) {
    const entry = config.accounts[account]
    if (entry !== undefined) dispatches.set(account, connect(account, entry))
  }
  return {
    dispatches,
    copierOf: (account) => {
      const entry = config.accounts[account]
      if (entry === undefined || !dispatches.has(account)) return undefined
      return async (order) => {
        const options = { timeout: copierTimeout, ...saidOf(account) }
        const { stream } = await openJobs(transportOf(account, entry), settingsOf(account, entry), options)
        return becomeCopier(stream, parts.epoch, order)
      }
    },
    problemOf,
  }
}
