/** The permission snapshot: compiled from the site file and all layers, published, and confirmed while we live. */
import { createHash } from 'node:crypto'
import { basename, join } from 'node:path'
import { parseSite } from '../config/site.ts'
import { errnoOf, writeFileAtomic } from '../durable/files.ts'
import { readSettled } from '../durable/read-settled.ts'
import { reduceFor } from '../policy/reduce.ts'
import { SeneschalError } from '../protocol/errors.ts'
import type { Layer, PermissionSnapshot } from '../protocol/permissions.ts'
import type { AccountIds } from './accounts.ts'
import type { DaemonEvent } from './events.ts'
import type { SiteLayout } from './layout.ts'
import { locksInForce, versionsOf } from './locks.ts'
import type { DaemonState } from './state.ts'

type Content = Omit<PermissionSnapshot, 'version' | 'at' | 'v'>

export type Permissions = {
  readonly current: () => PermissionSnapshot
  /** Compiles again; what differs takes effect. A file that is not right leaves all as it was, and is told once. */
  readonly refresh: () => Promise<void>
  /** Writes the snapshot for hubs and UI servers, with the time of now. */
  readonly confirm: () => Promise<void>
}

export type PermissionParts = {
  readonly siteFile: string
  readonly layout: SiteLayout
  /** Every configured account; those that are served have ids. */
  readonly accounts: readonly string[]
  readonly ids: ReadonlyMap<string, AccountIds>
  readonly state: DaemonState
  /** An account's own permissions in force. */
  readonly accountLayer: (account: string) => Layer | undefined
  readonly commit: (events: readonly DaemonEvent[]) => Promise<void>
  readonly now: () => number
  readonly onRefused: (reason: string | null) => void
}

/** Of a site file, bytes. */
const largestSite = 4 * 1024 * 1024

const readSite = async (file: string, now: () => number) => {
  let text: string
  try {
    text = await readSettled(file, { now, maxBytes: largestSite })
  } catch (cause) {
    if (cause instanceof SeneschalError) throw cause
    throw new SeneschalError('config.invalid', `${file}:1:1: cannot be read: ${errnoOf(cause)}`, { cause })
  }
  // People are told by it which rule decides; where it lies on this host is nobody's business.
  const named = (layer: Layer): Layer => ({ ...layer, source: { ...layer.source, file: basename(file) } })
  const read = parseSite(text, file)
  return { ...read, site: named(read.site), limits: named(read.limits) }
}

const compile = async (parts: PermissionParts): Promise<Content> => {
  const { site, limits, roles, locks, elevation, accounts } = await readSite(parts.siteFile, parts.now)
  const ordered = locksInForce(parts.state.locks, parts.now())
  const versions = versionsOf(parts.state.locks)
  return {
    site,
    limits,
    roles,
    locks: {
      persons: [...new Set([...locks.persons, ...ordered.persons])],
      accounts: [...new Set([...locks.accounts, ...ordered.accounts])],
      hosts: [...new Set([...locks.hosts, ...ordered.hosts])],
    },
    ...(Object.keys(versions).length === 0 ? {} : { lockOrders: versions }),
    ...(elevation === undefined ? {} : { elevation }),
    accounts: Object.fromEntries(
      parts.accounts.map((account) => {
        const named = Object.hasOwn(accounts, account) ? accounts[account] : undefined
        const layer = parts.accountLayer(account)
        const flows = [...(parts.state.workflows.get(account)?.values() ?? [])]
        return [
          account,
          {
            owners: named?.owners ?? [],
            cli: named?.cli ?? 'allow',
            ...(layer === undefined ? {} : { layer }),
            workflows: Object.fromEntries(
              flows.flatMap(({ workflow, layer: own }) =>
                own === undefined ? [] : [[workflow, own] as const],
              ),
            ),
          },
        ]
      }),
    ),
  }
}

const digestOf = (content: Content): string =>
  createHash('sha256').update(JSON.stringify(content)).digest('hex')

/** Rejects with `config.invalid` where the site file is not right from the start. */
export const createPermissions = async (parts: PermissionParts): Promise<Permissions> => {
  const { state, now } = parts
  let refused: string | undefined

  const adopt = (content: Content): PermissionSnapshot => {
    const digest = digestOf(content)
    if (digest !== state.permissions.digest) {
      const version = state.permissions.version + 1
      void parts.commit([{ kind: 'permissions', at: now(), version, digest }])
    }
    return { v: 1, version: state.permissions.version, at: now(), ...content }
  }
  let current = adopt(await compile(parts))

  const write = (path: string, snapshot: PermissionSnapshot, mode: number, gid?: number): Promise<void> =>
    writeFileAtomic(path, JSON.stringify(snapshot), { mode, gid, fsync: false })

  const publish = async (): Promise<void> => {
    const snapshot = { ...current, at: now() }
    await write(join(parts.layout.siteFeed, 'permissions.json'), snapshot, 0o644)
    for (const [account, { gid }] of parts.ids)
      await write(
        join(parts.layout.accountFeed(account), 'permissions.json'),
        reduceFor(snapshot, account),
        0o640,
        gid,
      )
  }

  /** One after another: else somebody could be given the former snapshot after the new one. */
  let turn = Promise.resolve()
  const confirm = (): Promise<void> => {
    const mine = turn.then(publish)
    turn = mine.catch(() => undefined)
    return mine
  }

  return {
    current: () => current,
    confirm,
    refresh: async () => {
      try {
        const next = adopt(await compile(parts))
        if (refused !== undefined) parts.onRefused(null)
        refused = undefined
        if (next.version === current.version) return
        current = next
      } catch (thrown) {
        if (!(thrown instanceof SeneschalError)) throw thrown
        const reason = thrown.detail ?? thrown.message
        if (reason === refused) return
        refused = reason
        parts.onRefused(reason)
        void parts.commit([{ kind: 'configuration-refused', at: now(), reason }])
        return
      }
      await confirm()
    },
  }
}
