/** The UI servers' life: one state machine per account over a spawner. */
import type { SpawnSettings } from '../../protocol/agent.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import type { ServerRow } from '../../protocol/rows.ts'
import type { Spawner } from '../../spawners/contract.ts'
import type { Audit, Clock, Log, Servers, Signer } from '../context.ts'
import type { ServerStore } from '../store/servers.ts'
import { createLeft } from './left.ts'
import { createLife, type Life } from './life.ts'
import { createServerRecords } from './records.ts'
import { createTurns, type TurnLimits } from './turns.ts'

export type ServersParts = {
  /** Spawners are closed by whoever made them. */
  readonly spawner: (account: string) => Spawner
  readonly store: ServerStore
  readonly signer: Pick<Signer, 'jwks'>
  /** `iss` of what the hub signs. */
  readonly issuer: string
  readonly audit: Pick<Audit, 'record'>
  readonly now: Clock
  readonly log: Log
  /** As the account's host sees them; `siteDirectories` derives them from the site's root. */
  readonly directories: (account: string) => SpawnSettings['site']
  readonly stateDir?: (account: string) => string | undefined
  readonly idleMinutes: number
  /** Default 32, 8 of one person. */
  readonly starts?: TurnLimits
  /** Default 30 s. */
  readonly startTimeoutMs?: number
  /** Between two looks at a running server, of which each costs its host a process, ms; default 60 s. */
  readonly pollMs?: number
  /** Between two signs of life of a server that somebody looks at, ms; default 2 s. */
  readonly pulseMs?: number
  /** Between two tries to end what was left on hosts that were not heard, ms; default 10 s. */
  readonly leftMs?: number
  /** Hosts that an administrator locked: nobody is let through to what runs there. */
  readonly isLocked?: (host: string) => boolean
  /** Of the product; servers of another one are replaced when nobody looks at them. */
  readonly version?: string
  /** 32 random hex digits. */
  readonly instanceId: () => string
}

/** `recover` adopts the servers that an earlier hub left running; call it once before listening. */
export const createServers = (parts: ServersParts): Servers & { readonly recover: () => Promise<void> } => {
  const lives = new Map<string, Life>()
  const listeners = new Set<(row: ServerRow) => void>()
  const onChange = (row: ServerRow) => {
    for (const listener of listeners) listener(row)
  }
  const left = createLeft({
    ...{ store: parts.store, spawner: parts.spawner, log: parts.log, everyMs: parts.leftMs },
    isPresent: (server) => lives.get(server.account)?.isPresent(server) === true,
    onEnded: ({ account, host }) =>
      createServerRecords(account, parts).stopped(undefined, {
        tail: `as ${host}, where it was left, answers`,
      }),
  })
  const startedAt = parts.now()
  const turns = createTurns(parts.starts ?? { atOnce: 32, perPerson: 8 })

  /** Lives are made by what changes something: asking about names that do not exist leaves nothing behind. */
  const living = (account: string): Life => {
    const known = lives.get(account)
    if (known !== undefined) return known
    const made = createLife(account, { ...parts, turns, left }, onChange)
    lives.set(account, made)
    return made
  }

  const mustBeOpen = (life: Life): void => {
    const { host } = life.row()
    if (host !== null && parts.isLocked?.(host) === true)
      throw new SeneschalError('lock.held', `The host ${host} is locked.`)
  }

  return {
    row: (account) =>
      lives.get(account)?.row() ?? {
        account,
        state: 'off',
        host: null,
        since: startedAt,
        code: null,
        reason: null,
        version: null,
      },
    ensure: async (account, viewer) => {
      const life = living(account)
      mustBeOpen(life)
      await life.ensure(viewer)
    },
    stop: async (account, viewer) => lives.get(account)?.stop(viewer),
    move: async (account, viewer) => lives.get(account)?.move(viewer),
    log: async (account) => (await lives.get(account)?.log()) ?? [],
    list: () =>
      [...lives.values()].map((life) => ({
        ...life.row(),
        watched: life.watched(),
        found: life.found() ?? null,
      })),
    dial: async (account, signal) => {
      const life = lives.get(account)
      if (life === undefined) throw new SeneschalError('server.off')
      mustBeOpen(life)
      return await life.dial(signal)
    },
    audience: (account) => {
      const life = lives.get(account)
      if (life === undefined) throw new SeneschalError('server.off')
      return `${account}/${life.instance()}`
    },
    onProgress: (account, listener) => living(account).onProgress(listener),
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    queue: turns.counts,
    leftOn: left.on,
    touch: (account) => lives.get(account)?.touch(),
    suspect: (account) => lives.get(account)?.suspect(),
    watch: (account) => living(account).watch(),
    recover: async () => {
      const stored = await parts.store.all()
      // A host that does not answer keeps nobody waiting: those who need that server wait for it alone.
      for (const server of stored)
        living(server.account)
          .adopt(server)
          .catch((err) => parts.log.error({ err, account: server.account }, 'a server could not be taken up'))
      // What is taken up again is not to be ended as left behind.
      await left.recover()
    },
    close: async () => {
      await Promise.all([...lives.values()].map((life) => life.close()))
      await left.close()
    },
  }
}
