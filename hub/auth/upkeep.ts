/** What time does to sessions: privileges end, sessions end, leftovers go. Looks once a second. */
import { closeCodes } from '../../protocol/frames.ts'
import type { BreakGlass } from '../break-glass/door.ts'
import type { PolicyView } from '../context.ts'
import { keptOut } from '../gate/checks/admitted.ts'
import type { Kiosks } from './kiosks.ts'
import type { AuthParts } from './parts.ts'
import { farewell, noteFallBack } from './sign-out.ts'
import { endKiosks, endTokens } from './token-end.ts'
import type { TokenUse } from './token-use.ts'
import type { ScriptTokens } from './tokens.ts'

export type Upkeep = {
  /** One look, as the timer does it. */
  readonly tick: () => Promise<void>
  /** All raised privileges end: the clock cannot be trusted. */
  readonly distrustClock: (by: number) => void
  readonly close: () => Promise<void>
}

export type UpkeepParts = Pick<
  AuthParts,
  'db' | 'sessions' | 'attempts' | 'audit' | 'live' | 'log' | 'now' | 'site' | 'allowAccountNames'
> & {
  readonly policy: PolicyView
  readonly kiosks: Pick<Kiosks, 'prune' | 'takeEnded'>
  readonly tokens: Pick<ScriptTokens, 'takeEnded' | 'prune'>
  readonly tokenUse: Pick<TokenUse, 'flush'>
  readonly breakGlass: Pick<BreakGlass, 'look' | 'prune'>
  readonly checkClock: () => void
}

const interval = 1000
/** Each so many looks: write down the clock; write down who was there and drop what is too old. */
const markEvery = 10
const pruneEvery = 30

export const clockMark = 'clock'

export const createUpkeep = (parts: UpkeepParts): Upkeep => {
  const { db, sessions, now, log } = parts
  let distrusted: number | undefined
  let looks = 0

  const storeClock = async (): Promise<void> => {
    const value = String(now())
    await db
      .insertInto('meta')
      .values({ key: clockMark, value })
      .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
      .execute()
  }
  const look = async (): Promise<void> => {
    parts.checkClock()
    if (distrusted !== undefined) {
      const reason = `The clock was set back by ${Math.round(distrusted / 1000)} s.`
      const fallen = await sessions.fallBack('all')
      // Only now: while the database takes no changes it is tried again at each look.
      distrusted = undefined
      // No time that a browser knows has come; with a new socket it asks again what it may.
      const names = new Set(fallen.map(({ name }) => name))
      parts.live.close((socket) => names.has(socket.session), closeCodes.sessionReplaced)
      await noteFallBack(parts, fallen, { event: 'elevation.ended', reason })
    }
    await noteFallBack(parts, await sessions.fallBack('over'), { event: 'elevation.ended' })
    await farewell(parts, await sessions.endExpired(), { event: 'session.ended', tail: 'after its time' })
    await endTokens(parts)
    await endKiosks(parts)
    await parts.breakGlass
      .look()
      .catch((err: unknown) => log.error({ err }, 'the door without the provider was not looked after'))
    looks += 1
    if (looks % markEvery === 1) await storeClock()
    if (looks % pruneEvery !== 1) return
    await sessions.flushSeen()
    await parts.tokenUse.flush()
    await parts.attempts.prune()
    await parts.kiosks.prune()
    await parts.tokens.prune()
    await parts.breakGlass.prune()
    await db.deleteFrom('logout_tokens').where('expires_at', '<=', now()).execute()
  }

  // One after the other, also with a `tick` from outside.
  let queue: Promise<void> = Promise.resolve()
  const tick = (): Promise<void> => {
    queue = queue.then(look).catch((err: unknown) => log.error({ err }, 'upkeep of sessions failed'))
    return queue
  }
  let waiting = false
  const timer = setInterval(() => {
    if (waiting) return
    waiting = true
    void tick().finally(() => {
      waiting = false
    })
  }, interval).unref()

  const stopWatching = parts.policy.onChange(() => {
    parts.live.close(
      (socket) => keptOut({ kind: 'person', person: socket.person }, parts) !== undefined,
      closeCodes.forbidden,
    )
  })

  return {
    tick,
    distrustClock: (by) => {
      log.warn({ by }, 'the clock was set back: raised privileges end')
      distrusted = Math.max(by, distrusted ?? 0)
    },
    close: async () => {
      clearInterval(timer)
      stopWatching()
      await queue
      await sessions.flushSeen()
      await parts.tokenUse.flush()
      await storeClock()
    },
  }
}
