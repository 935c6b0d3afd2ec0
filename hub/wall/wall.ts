/**
 * What the wall shows: summaries, accounts, servers and daemons of all owners, whether their UI servers run or not.
 * Changes are gathered, numbered and given to each viewer as far as that one may see them; the last of them are
 * remembered by name, so that a viewer who comes back gets what changed meanwhile, as it is now.
 */
import { createHash } from 'node:crypto'
import { closeCodes, tickInterval } from '../../protocol/frames.ts'
import type { DaemonRow, WallPut } from '../../protocol/rows.ts'
import { version } from '../../protocol/version.ts'
import type { Audit, AuditHealth, Clock, Log, PolicyView, Servers, SiteView, Viewer } from '../context.ts'
import { groupsLookEvery } from '../groups.ts'
import { accountPut, maySeeRow, presentRow, rowId, summaryPut, type WallRow } from './rows.ts'
import { createSeat, type Seat, type WallSocket } from './seat.ts'

export type { WallSocket } from './seat.ts'

export type Wall = {
  /** Starts with hello and a reset, or what changed after `since`; returns how to leave. */
  readonly join: (
    viewer: Viewer,
    socket: WallSocket,
    resume?: { readonly since: number; readonly epoch: string },
  ) => () => void
  readonly close: () => void
}

export type WallParts = {
  readonly site: SiteView
  readonly policy: PolicyView
  readonly servers: Servers
  readonly audit: Pick<Audit, 'health' | 'onHealth'>
  /** The session of a viewer as it is now; undefined once it ended. */
  readonly current: (viewer: Viewer) => Promise<Viewer | undefined>
  readonly now: Clock
  readonly log: Log
  /** New with each start of the hub. */
  readonly epoch: string
  /** Default 50 ms. */
  readonly gatherMs?: number
  /** How often it is asked whether viewers are still in the same groups, ms. */
  readonly renewEvery?: number
}

/** Changes that can be caught up with. */
const remembered = 2048

type Step = { readonly seq: number; readonly ids: readonly string[]; readonly total: boolean }

export const createWall = (parts: WallParts): Wall => {
  const { site, policy, servers, now, log } = parts
  const rows = new Map<string, WallRow>()
  const seats = new Set<Seat>()
  const dirty = new Set<string>()
  let steps: Step[] = []
  let seq = 0
  let total = false
  let gathering: NodeJS.Timeout | undefined

  const maySee = (viewer: Viewer, row: WallRow) => maySeeRow({ site, policy }, viewer, row)

  const later = () => {
    gathering ??= setTimeout(flush, parts.gatherMs ?? 50)
  }
  const put = (change: WallPut) => {
    const row = presentRow(change)
    if (rows.get(row.id)?.json === row.json) return
    // The first row of an account may make the account itself visible to somebody.
    if (row.workflow !== undefined && !rows.has(row.id)) mark(row.account)
    rows.set(row.id, row)
    dirty.add(row.id)
    if (change.kind === 'account') put(serverPut(change.key))
    later()
  }
  const drop = (kind: string, key: string) => {
    const id = rowId(kind, key)
    const row = rows.get(id)
    if (row === undefined) return
    rows.delete(id)
    dirty.add(id)
    // Whoever was away may hold rows that are not theirs any more with it: they begin anew.
    total = true
    if (row.workflow !== undefined) mark(row.account)
    if (kind === 'account') drop('server', key)
    later()
  }
  const mark = (account: string | undefined) => {
    if (account === undefined) return
    dirty.add(rowId('account', account))
    dirty.add(rowId('server', account))
  }
  const serverPut = (account: string): WallPut => ({
    kind: 'server',
    key: account,
    row: servers.row(account),
  })

  const hubPut = ({ writable }: AuditHealth): WallPut => ({
    kind: 'hub',
    key: 'hub',
    row: { codes: writable ? [] : ['audit.unwritable'] },
  })

  const flush = () => {
    gathering = undefined
    if (dirty.size === 0 && !total) return
    seq += 1
    const changed = new Map([...dirty].map((id) => [id, rows.get(id)]))
    steps.push({ seq, ids: [...dirty], total })
    if (steps.length > remembered) steps = steps.slice(-remembered / 2)
    dirty.clear()
    total = false
    for (const seat of seats) seat.delta(seq, changed)
  }

  const onPolicy = () => {
    // Numbered like any change, so that nobody resumes across it.
    total = true
    if (gathering !== undefined) clearTimeout(gathering)
    flush()
    for (const seat of seats) seat.reset(seq, rows.values())
  }

  /** Numbers are of one start of the hub, and of what this viewer may see. */
  const epochOf = ({ person, groups, accounts }: Viewer): string =>
    createHash('sha256')
      .update(JSON.stringify([parts.epoch, person, groups, accounts]))
      .digest('base64url')
      .slice(0, 22)

  /** What changed after `since`; undefined where that cannot be told. */
  const changedSince = (since: number): ReadonlyMap<string, WallRow | undefined> | undefined => {
    const missed = steps.filter((step) => step.seq > since)
    if (since > seq || missed.length !== seq - since || missed.some((step) => step.total)) return undefined
    return new Map(missed.flatMap(({ ids }) => ids).map((id) => [id, rows.get(id)]))
  }

  for (const row of site.accounts()) {
    put(accountPut(row))
    for (const summary of site.summaries(row.account)) put(summaryPut(summary))
  }
  for (const row of site.daemons()) put({ kind: 'daemon', key: row.daemon, row })
  if (!parts.audit.health().writable) put(hubPut(parts.audit.health()))
  // What was there at the beginning is no change.
  dirty.clear()

  const unlisten = [
    site.onChange((change) => {
      for (const { kind, key, row } of change.put) {
        if (kind === 'request') continue
        if (kind === 'daemon') put({ kind, key, row: row as DaemonRow })
        else put({ kind, key, row } as WallPut)
      }
      for (const { kind, key } of change.drop) if (kind !== 'request') drop(kind, key)
    }),
    servers.onChange((row) => {
      if (rows.has(rowId('account', row.account))) put({ kind: 'server', key: row.account, row })
    }),
    parts.audit.onHealth((health) => put(hubPut(health))),
    policy.onChange(onPolicy),
  ]
  const helloFor = (viewer: Viewer): string =>
    JSON.stringify({ type: 'hello', epoch: epochOf(viewer), seq, version, now: now() })

  const ticking = setInterval(() => {
    for (const seat of seats) seat.tick(now())
  }, tickInterval)
  ticking.unref()

  /** With other groups it is another viewer, who stays and begins anew. */
  const renew = async (seat: Seat): Promise<void> => {
    const before = seat.viewer()
    const current = await parts.current(before)
    if (current === undefined) return seat.close(closeCodes.sessionEnded)
    if (epochOf(current) === epochOf(before) || !seats.has(seat)) return
    seat.become(current)
    seat.hello(helloFor(current))
    seat.reset(seq, rows.values())
  }
  const renewing = setInterval(() => {
    for (const seat of seats)
      renew(seat).catch((err) => {
        // Whether it still may look cannot be told; it comes back and is told why.
        log.warn({ err }, 'a viewer of the wall could not be renewed')
        seat.close(closeCodes.restart)
      })
  }, parts.renewEvery ?? groupsLookEvery)
  renewing.unref()

  return {
    join: (viewer, socket, resume) => {
      const missed = resume?.epoch === epochOf(viewer) ? changedSince(resume.since) : undefined
      const since = missed === undefined ? undefined : resume?.since
      const seat = createSeat({ viewer, socket, maySee, since, rows: rows.values() })
      seat.hello(helloFor(viewer))
      if (missed === undefined) seat.reset(seq, rows.values())
      else seat.delta(seq, missed)
      seats.add(seat)
      return () => seats.delete(seat)
    },
    close: () => {
      clearTimeout(gathering)
      clearInterval(ticking)
      clearInterval(renewing)
      for (const stop of unlisten) stop()
    },
  }
}
