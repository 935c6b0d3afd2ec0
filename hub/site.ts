/** The site as its daemons publish it: who may do what, and how accounts, workflows and requests are. */
import { join } from 'node:path'
import { followFeed } from '../durable/feed-follower.ts'
import { isFresh } from '../policy/fresh.ts'
import type { AuditRecord } from '../protocol/audit.ts'
import { type Heartbeat, heartbeat, silentAfter } from '../protocol/feed.ts'
import { permissionSnapshot } from '../protocol/permissions.ts'
import type { Clock, Log, PolicyView, SiteView } from './context.ts'
import { followFile } from './follow-file.ts'
import { createPolicyKeeper } from './policy-view.ts'
import { createSiteRows } from './site-rows.ts'

export type DaemonSource = {
  readonly name: string
  /** Its site feed: the directory `feed/site`. */
  readonly feed: string
  /** The accounts that it serves; without a list, those that its own snapshot names. */
  readonly accounts?: readonly string[] | undefined
}

export type SiteParts = {
  readonly daemons: readonly DaemonSource[]
  readonly now: Clock
  readonly log: Log
  /** Takes the daemons' own audit records, in order, possibly again after a reset. */
  readonly ingestAudit: (records: readonly AuditRecord[]) => void
  /** Stands behind the file watcher, ms. */
  readonly pollMs?: number
}

export type Site = {
  readonly view: SiteView
  readonly policy: PolicyView
  /** Resolves when permissions and heartbeats were looked at once, and each feed was read up to now or cannot be. */
  readonly ready: Promise<void>
  readonly close: () => Promise<void>
}

/** That a daemon lives is no news; it is told this often all the same, ms, for those who show its age. */
const toldEvery = 10_000

export const createSite = (parts: SiteParts): Site => {
  const { daemons, now, log } = parts
  const pollMs = parts.pollMs ?? 1000
  const end = new AbortController()
  const { signal } = end
  const policy = createPolicyKeeper({ sources: daemons, now, log })
  const rows = createSiteRows({ log, daemons, ingestAudit: parts.ingestAudit })
  const last = new Map<string, Heartbeat>()

  const cameAt = new Map<string, number>()
  const unreadable = new Set<string>()
  const told = new Map<string, { readonly state: string; readonly at: number }>()
  const hear = (daemon: string) => {
    const heard = last.get(daemon)
    const at = heard?.at ?? 0
    const state = {
      daemon,
      // By when it came here: the two hosts' clocks may differ by more. One that says that it goes is not waited for.
      silent:
        now() - (cameAt.get(daemon) ?? 0) > silentAfter || !isFresh(at, now()) || heard?.state === 'stopped',
      version: heard?.version ?? null,
      codes: [...(unreadable.has(daemon) ? (['feed.unavailable'] as const) : []), ...(heard?.codes ?? [])],
    }
    const text = JSON.stringify(state)
    const before = told.get(daemon)
    if (before?.state === text && Math.abs(at - before.at) < toldEvery) return
    told.set(daemon, { state: text, at })
    rows.heard({ ...state, at })
  }

  const follow = ({ name, feed }: DaemonSource) => {
    const onProblem = (what: string) => (problem: unknown) => {
      if (problem === null) log.info({ daemon: name }, `the ${what} can be read again`)
      else log.warn({ daemon: name, err: problem }, `the ${what} cannot be read`)
    }
    const read = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => read.resolve(), { once: true })
    const following = followFeed({
      dir: feed,
      pollMs,
      onReset: (all) => rows.reset(name, all),
      onLines: (lines) => {
        for (const line of lines) rows.apply(name, line.put, line.drop)
      },
      onCurrent: read.resolve,
      onProblem: (thrown) => {
        read.resolve()
        if (thrown === null) unreadable.delete(name)
        else unreadable.add(name)
        hear(name)
        onProblem('feed')(thrown)
      },
      signal,
    })
    const looked = Promise.all([
      followFile({
        path: join(feed, 'permissions.json'),
        schema: permissionSnapshot,
        pollMs,
        onValue: (snapshot) => policy.take(name, snapshot),
        onProblem: onProblem('permission snapshot'),
        signal,
      }),
      followFile({
        path: join(feed, 'heartbeat.json'),
        schema: heartbeat,
        pollMs,
        onValue: (value) => {
          last.set(name, value)
          cameAt.set(name, now())
          hear(name)
        },
        onProblem: onProblem('heartbeat'),
        signal,
      }),
    ]).then(() => hear(name))
    return { following, looked, read: read.promise }
  }

  const followed = daemons.map(follow)
  const silence = setInterval(() => {
    for (const { name } of daemons) hear(name)
  }, 1000)
  silence.unref()

  return {
    view: rows,
    policy,
    ready: Promise.all(followed.flatMap(({ looked, read }) => [looked, read])).then(() => undefined),
    close: async () => {
      clearInterval(silence)
      end.abort()
      await Promise.all(followed.flatMap(({ following, looked }) => [following, looked]))
    },
  }
}
