/** Rows of all daemons' site feeds: parsed at the border, looked up by account, changes told. */

import type { AuditRecord } from '../protocol/audit.ts'
import { type LayerRow, layerKey } from '../protocol/layers.ts'
import {
  type AccountRow,
  type DaemonRow,
  type Drop,
  type RequestRow,
  type SitePut,
  type SummaryRow,
  siteKinds,
} from '../protocol/rows.ts'
import type { Log, SiteChange, SiteView } from './context.ts'

type RawPut = { readonly kind: string; readonly key: string; readonly row: unknown }
type Kind = SiteChange['drop'][number]['kind']

/** Versions of permissions by place, `ACCOUNT/WORKFLOW` or `ACCOUNT/`, then by key. */
type Layers = Map<string, Map<string, LayerRow>>

/** One daemon's rows. */
type Rows = {
  readonly accounts: Map<string, AccountRow>
  /** By account, then by workflow. */
  readonly summaries: Map<string, Map<string, SummaryRow>>
  readonly requests: Map<string, RequestRow>
  readonly layers: Layers
}

export type SiteRows = SiteView & {
  /** All rows of a daemon's feed as they are now. */
  readonly reset: (daemon: string, rows: readonly RawPut[]) => void
  readonly apply: (daemon: string, puts: readonly RawPut[], drops: readonly Drop[]) => void
  readonly heard: (row: DaemonRow) => void
}

const isKind = (kind: string): kind is keyof typeof siteKinds => Object.hasOwn(siteKinds, kind)

const placeOf = (account: string, workflow: string | null): string => `${account}/${workflow ?? ''}`

const keepLayer = (layers: Layers, row: LayerRow): void => {
  const place = placeOf(row.account, row.workflow)
  const versions = layers.get(place) ?? new Map<string, LayerRow>()
  layers.set(place, versions.set(layerKey(row), row))
}
const dropLayer = (layers: Layers, key: string): void => {
  const place = key.slice(0, key.lastIndexOf('@'))
  layers.get(place)?.delete(key)
  if (layers.get(place)?.size === 0) layers.delete(place)
}

export const createSiteRows = (parts: {
  readonly log: Log
  readonly daemons: readonly { readonly name: string; readonly accounts?: readonly string[] | undefined }[]
  readonly ingestAudit: (records: readonly AuditRecord[]) => void
}): SiteRows => {
  const { log } = parts
  const served = new Map(parts.daemons.map(({ name, accounts }) => [name, accounts]))
  const byDaemon = new Map<string, Rows>(
    parts.daemons.map(({ name }) => [
      name,
      { accounts: new Map(), summaries: new Map(), requests: new Map(), layers: new Map() },
    ]),
  )
  const daemonRows = new Map<string, DaemonRow>()
  const listeners = new Set<(change: SiteChange) => void>()
  const reported = new Set<string>()

  const tell = (change: SiteChange) => {
    if (change.put.length === 0 && change.drop.length === 0) return
    for (const listener of listeners) listener(change)
  }

  /** Whether a problem is to be told: once, however often it comes. */
  const isNew = (problem: string): boolean => {
    if (reported.has(problem) || reported.size >= 1000) return false
    reported.add(problem)
    return true
  }

  const parse = (daemon: string, put: RawPut): SitePut | undefined => {
    // A later daemon may publish more kinds than this hub knows.
    if (!isKind(put.kind)) return undefined
    const parsed = siteKinds[put.kind].safeParse(put.row)
    // The schema was chosen by the kind, which the compiler cannot follow.
    if (parsed.success) {
      const row = put.kind === 'account' ? { ...parsed.data, daemon } : parsed.data
      return { kind: put.kind, key: put.key, row } as SitePut
    }
    const problem = `${daemon} ${put.kind} ${put.key}`
    if (isNew(problem))
      log.warn({ daemon, kind: put.kind, key: put.key, err: parsed.error }, 'a row of the feed is not valid')
    return undefined
  }

  const rowsOf = (daemon: string): Rows => {
    const rows = byDaemon.get(daemon)
    if (rows === undefined) throw new TypeError(`no such daemon: ${daemon}`)
    return rows
  }

  /** Keeps a row where it belongs; false where that daemon does not serve the account. */
  const keep = (daemon: string, put: Exclude<SitePut, { readonly kind: 'audit' }>): boolean => {
    const { account } = put.row
    if (served.get(daemon)?.includes(account) === false) {
      if (isNew(`${daemon} account ${account}`))
        log.warn({ daemon, account }, 'an account that this daemon is not configured to serve is not shown')
      return false
    }
    const rows = rowsOf(daemon)
    if (put.kind === 'account') rows.accounts.set(account, put.row)
    else if (put.kind === 'request') rows.requests.set(put.key, put.row)
    else if (put.kind === 'layer') keepLayer(rows.layers, put.row)
    else {
      const workflows = rows.summaries.get(account) ?? new Map<string, SummaryRow>()
      rows.summaries.set(account, workflows.set(put.row.workflow, put.row))
    }
    return true
  }

  /**
   * A daemon speaks for itself and its own accounts: no record of another's chain, and none about what another one
   * runs, which would be the outcome of a request that was never its own.
   */
  const mayRecord = (daemon: string, { writer, account }: AuditRecord): boolean => {
    const isOthers =
      account !== null &&
      served.get(daemon)?.includes(account) !== true &&
      [...served].some(([name, accounts]) => name !== daemon && accounts?.includes(account) === true)
    const may = writer === `daemon/${daemon}` && !isOthers
    if (!may && isNew(`${daemon} ${writer}`))
      log.error({ daemon, writer, account }, 'audit records that are not of this daemon are not taken')
    return may
  }

  const remove = (daemon: string, kind: string, key: string): boolean => {
    const rows = rowsOf(daemon)
    if (kind === 'account') return rows.accounts.delete(key)
    if (kind === 'request') return rows.requests.delete(key)
    if (kind === 'layer') dropLayer(rows.layers, key)
    if (kind !== 'summary') return false
    const slash = key.indexOf('/')
    const workflows = rows.summaries.get(key.slice(0, slash))
    const was = workflows?.delete(key.slice(slash + 1)) ?? false
    if (workflows?.size === 0) rows.summaries.delete(key.slice(0, slash))
    return was
  }

  const apply = (daemon: string, puts: readonly RawPut[], drops: readonly Drop[]) => {
    const records: AuditRecord[] = []
    const put: SiteChange['put'][number][] = []
    for (const raw of puts) {
      const parsed = parse(daemon, raw)
      if (parsed === undefined) continue
      if (parsed.kind === 'audit') {
        if (mayRecord(daemon, parsed.row)) records.push(parsed.row)
      } else if (keep(daemon, parsed) && parsed.kind !== 'layer') put.push(parsed)
    }
    const drop: SiteChange['drop'][number][] = []
    for (const { kind, key } of drops) if (remove(daemon, kind, key)) drop.push({ kind: kind as Kind, key })
    // What is shown first: it waits for no index.
    tell({ put, drop })
    if (records.length > 0) parts.ingestAudit(records)
  }

  const all = <T>(pick: (rows: Rows) => T | undefined): T | undefined => {
    for (const rows of byDaemon.values()) {
      const found = pick(rows)
      if (found !== undefined) return found
    }
    return undefined
  }

  return {
    reset: (daemon, rows) => {
      const kept = new Set(rows.map(({ kind, key }) => `${kind} ${key}`))
      const before = rowsOf(daemon)
      const drops = [
        ...[...before.accounts.keys()].map((key) => ({ kind: 'account', key })),
        ...[...before.requests.keys()].map((key) => ({ kind: 'request', key })),
        ...[...before.summaries].flatMap(([account, workflows]) =>
          [...workflows.keys()].map((workflow) => ({ kind: 'summary', key: `${account}/${workflow}` })),
        ),
        ...[...before.layers.values()].flatMap((versions) =>
          [...versions.keys()].map((key) => ({ kind: 'layer', key })),
        ),
      ].filter(({ kind, key }) => !kept.has(`${kind} ${key}`))
      apply(daemon, rows, drops)
    },
    apply,
    heard: (row) => {
      daemonRows.set(row.daemon, row)
      tell({ put: [{ kind: 'daemon', key: row.daemon, row }], drop: [] })
    },
    accounts: () => [...byDaemon.values()].flatMap((rows) => [...rows.accounts.values()]),
    account: (account) => all((rows) => rows.accounts.get(account)),
    summaries: (account) => [...(all((rows) => rows.summaries.get(account))?.values() ?? [])],
    summary: (account, workflow) => all((rows) => rows.summaries.get(account)?.get(workflow)),
    request: (id) => all((rows) => rows.requests.get(id)),
    layers: (account, workflow) =>
      [...(all((rows) => rows.layers.get(placeOf(account, workflow)))?.values() ?? [])].sort(
        (one, other) => other.version - one.version,
      ),
    daemons: () => [...daemonRows.values()],
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
