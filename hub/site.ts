/** The site as its daemons publish it: who may do what, and how accounts, workflows and requests are. */
import { isFresh } from '../policy/fresh.ts'
import type { AuditRecord } from '../protocol/audit.ts'
import { type Heartbeat, heartbeat, silentAfter } from '../protocol/feed.ts'
import type { FeedFile } from '../protocol/feed-stream.ts'
import { permissionSnapshot } from '../protocol/permissions.ts'
import type { Clock, Log, PolicyView, SiteView } from './context.ts'
import type { FollowFeed } from './daemons/feeds.ts'
import type { Locks } from './locks/keeper.ts'
import { createPolicyKeeper, type PolicyKeeper } from './policy-view.ts'
import { createSiteRows } from './site-rows.ts'

export type DaemonSource = {
  readonly name: string
  readonly follow: FollowFeed
  /** The accounts that it serves; without a list, those that its own snapshot names. */
  readonly accounts?: readonly string[] | undefined
}

export type SiteParts = {
  readonly daemons: readonly DaemonSource[]
  /** Those that were set at this hub. */
  readonly locks?: Pick<Locks, 'names' | 'onChange'> | undefined
  /** Sources of groups that this hub asks; all of them without it. */
  readonly groupSources?: readonly string[]
  readonly now: Clock
  readonly log: Log
  /** Takes the daemons' own audit records, in order, possibly again after a reset. */
  readonly ingestAudit: (records: readonly AuditRecord[]) => void
  /** How long a daemon that does not answer may keep the others' people waiting, ms. */
  readonly patience?: number
}

export type Site = {
  readonly view: SiteView
  readonly policy: PolicyView & Pick<PolicyKeeper, 'ordersTaken'>
  /** Whether a daemon was not heard of lately. */
  readonly isSilent: (daemon: string) => boolean
  /** Resolves when each feed was read up to now, or cannot be; a daemon that does not answer is waited for five seconds. */
  readonly ready: Promise<void>
  readonly close: () => Promise<void>
}

/** That a daemon lives is no news; it is told this often all the same, ms, for those who show its age. */
const toldEvery = 10_000
/** What its parts are called in the log. */
const names: Readonly<Record<FeedFile | 'feed', string>> = {
  feed: 'feed',
  permissions: 'permission snapshot',
  heartbeat: 'heartbeat',
}

export const createSite = (parts: SiteParts): Site => {
  const { daemons, now, log } = parts
  const end = new AbortController()
  const { signal } = end
  const policy = createPolicyKeeper({
    sources: daemons,
    locks: parts.locks,
    ...(parts.groupSources === undefined ? {} : { groupSources: parts.groupSources }),
    now,
    log,
  })
  const rows = createSiteRows({ log, daemons, ingestAudit: parts.ingestAudit })
  const last = new Map<string, Heartbeat>()

  const cameAt = new Map<string, number>()
  const unreadable = new Set<string>()
  const told = new Map<string, { readonly state: string; readonly at: number }>()
  // By when it came here: the two hosts' clocks may differ by more. One that says that it goes is not waited for.
  const isSilent = (daemon: string): boolean => {
    const heard = last.get(daemon)
    return (
      now() - (cameAt.get(daemon) ?? 0) > silentAfter ||
      !isFresh(heard?.at ?? 0, now()) ||
      heard?.state === 'stopped'
    )
  }
  const hear = (daemon: string) => {
    const heard = last.get(daemon)
    const at = heard?.at ?? 0
    const state = {
      daemon,
      silent: isSilent(daemon),
      version: heard?.version ?? null,
      codes: [...(unreadable.has(daemon) ? (['feed.unavailable'] as const) : []), ...(heard?.codes ?? [])],
    }
    const text = JSON.stringify(state)
    const before = told.get(daemon)
    if (before?.state === text && Math.abs(at - before.at) < toldEvery) return
    told.set(daemon, { state: text, at })
    rows.heard({ ...state, at })
  }

  const follow = ({ name, follow: followFeed }: DaemonSource) => {
    const current = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => current.resolve(), { once: true })
    setTimeout(current.resolve, parts.patience ?? 5000).unref()
    /** As it was told last: what stays wrong comes again with each heartbeat. */
    const wrong = new Map<FeedFile | 'feed', string>()
    const complain = (of: FeedFile | 'feed', err: Error): void => {
      if (wrong.get(of) === err.message) return
      wrong.set(of, err.message)
      log.warn({ daemon: name, err }, `the ${names[of]} cannot be read`)
    }
    const following = followFeed(
      {
        onReset: (all) => rows.reset(name, all),
        onLines: (lines) => {
          for (const line of lines) rows.apply(name, line.put, line.drop)
        },
        onCurrent: current.resolve,
        onFile: (file, value) => {
          if (file === 'permissions') {
            const parsed = permissionSnapshot.safeParse(value)
            if (!parsed.success) return complain(file, parsed.error)
            wrong.delete(file)
            return policy.take(name, parsed.data)
          }
          const parsed = heartbeat.safeParse(value)
          if (!parsed.success) return complain(file, parsed.error)
          wrong.delete(file)
          const { at } = parsed.data
          const before = last.get(name)?.at
          // The first may have lain there for long. One that is told again, over a new way, is no sign of life.
          if (before === undefined) cameAt.set(name, Math.min(at, now()))
          else if (before !== at) cameAt.set(name, now())
          last.set(name, parsed.data)
          hear(name)
        },
        onProblem: (of, thrown) => {
          if (thrown !== null) complain(of, thrown)
          if (of !== 'feed') return
          current.resolve()
          if (thrown !== null) unreadable.add(name)
          else {
            unreadable.delete(name)
            wrong.delete(of)
            log.info({ daemon: name }, `the ${names.feed} can be read again`)
          }
          hear(name)
        },
      },
      signal,
    )
    return { following, current: current.promise.then(() => hear(name)) }
  }

  const followed = daemons.map(follow)
  const silence = setInterval(() => {
    for (const { name } of daemons) hear(name)
  }, 1000)
  silence.unref()

  return {
    view: rows,
    policy,
    isSilent,
    ready: Promise.all(followed.map(({ current }) => current)).then(() => undefined),
    close: async () => {
      clearInterval(silence)
      end.abort()
      await Promise.all(followed.map(({ following }) => following))
    },
  }
}
