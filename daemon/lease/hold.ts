/** Taking the lease before anything of the state is touched, and noticing when somebody else has it. */
import { rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { Disk } from '../../durable/disk.ts'
import { ensureDir, writeFileAtomic } from '../../durable/files.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { bootId, factsOf } from '../../runners/processes.ts'
import { isSameHolder, type Lease, lockFile, pidFile, readLease, renewEvery, staleAfter } from './lease.ts'
import { takeLock } from './lock.ts'
import { putLease } from './own-lease.ts'

export type Held = {
  readonly epoch: number
  /**
   * Throws `lease.lost` once somebody else holds the state, and anything else while nobody can tell, which may pass:
   * the directory is away, the disk does not answer. Looks at the file at most every `lookEvery`.
   */
  readonly check: () => Promise<void>
  /** Every write is checked first. */
  readonly disk: (disk: Disk) => Disk
  readonly release: () => Promise<void>
}

/** ms. */
const lookEvery = 250

const held = (by: Lease, why: string): SeneschalError =>
  new SeneschalError(
    'lease.held',
    `seneschald runs on ${by.host} as process ${by.pid} (epoch ${by.epoch}). ${why}`,
  )

export type HoldParts = {
  readonly state: string
  /** Epoch, ms; and a clock that nobody sets. */
  readonly now: () => number
  readonly monotonic: () => number
  /** Somebody else holds it: nothing may be written any more. Called once. */
  readonly onLost: (error: SeneschalError) => void
  /** Told that it cannot say that it lives, and null when it can again. */
  readonly onProblem: (error: unknown) => void
  readonly host?: string
}

/** Throws `lease.held` where another holds it, alive or on a host that may be. */
export const holdLease = async (parts: HoldParts): Promise<Held> => {
  const { state, now, monotonic } = parts
  const host = parts.host ?? hostname()
  await ensureDir(state, { mode: 0o700 })
  const boot = await bootId()
  const found = await readLease(state)
  const takeovers = found?.takeovers ?? 0
  const lock = await takeLock(lockFile(state, takeovers))
  if (lock === undefined) {
    const by = (await readLease(state)) ?? found
    throw by === undefined
      ? new SeneschalError('lease.held', 'Another seneschald is starting.')
      : held(by, 'One at a time works on a state.')
  }
  try {
    // Read again: what was there before the lock may be over.
    const before = await readLease(state)
    if (before !== undefined && before.takeovers !== takeovers)
      throw held(before, 'It was taken over just now.')
    const silent = now() - (before?.renewed ?? 0)
    // Of this host the lock speaks; another's may be one that this filesystem does not carry over.
    if (before !== undefined && before.pid !== 0 && before.host !== host && silent < staleAfter)
      throw held(
        before,
        `It was heard of ${Math.max(0, Math.round(silent / 1000))} s ago. If that host is down for good: seneschal daemon takeover.`,
      )
    const self = await factsOf(process.pid)
    let mine: Lease = {
      ...{ v: 1, epoch: (before?.epoch ?? 0) + 1, takeovers, host, boot },
      ...{ pid: process.pid, start: self?.start ?? '', started: now(), renewed: now() },
    }
    await writeFileAtomic(pidFile(state), `${process.pid}\n`, { mode: 0o600 })
    const own = await putLease(state, mine)

    let lost: SeneschalError | undefined
    let looked = monotonic()
    const lose = (detail: string): SeneschalError => {
      if (lost === undefined) {
        lost = new SeneschalError('lease.lost', detail)
        clearInterval(timer)
        parts.onLost(lost)
      }
      return lost
    }
    const look = async (): Promise<void> => {
      const there = await readLease(state)
      // Whoever takes over puts another in its place: none at all means that the directory was taken away.
      if (there === undefined) throw new Error('the lease is not where it was')
      if (!isSameHolder(there, mine)) throw lose(`${there.host} holds epoch ${there.epoch}.`)
      looked = monotonic()
    }
    const check = async (): Promise<void> => {
      if (lost !== undefined) throw lost
      if (monotonic() - looked >= lookEvery) await look()
    }
    const renew = async (): Promise<void> => {
      await look()
      mine = { ...mine, renewed: now() }
      await own.say(mine)
    }
    let failing = false
    const renewAndTell = async (): Promise<void> => {
      try {
        await renew()
        if (failing) parts.onProblem(null)
        failing = false
      } catch (error) {
        // A disk that takes nothing: the lease still is ours. Whoever lost it was told so.
        if (lost !== undefined) return
        failing = true
        parts.onProblem(error)
      }
    }
    let renewing: Promise<void> = Promise.resolve()
    const timer = setInterval(() => {
      renewing = renewAndTell()
    }, renewEvery)
    lock.lost.then(() => lose('Its lock is gone.'))
    const release = async (): Promise<void> => {
      clearInterval(timer)
      await renewing
      // The next start need not wait for it to grow old.
      if (lost === undefined) await own.say({ ...mine, pid: 0, renewed: now() }).catch(parts.onProblem)
      await own.close()
      if (lost === undefined) await rm(pidFile(state), { force: true }).catch(parts.onProblem)
      await lock.release()
    }
    let releasing: Promise<void> | undefined

    return {
      epoch: mine.epoch,
      check,
      disk: (disk) => ({
        ...disk,
        write: async (fd, bytes, position) => {
          await check()
          return disk.write(fd, bytes, position)
        },
        truncate: async (fd, size) => {
          await check()
          return disk.truncate(fd, size)
        },
      }),
      release: () => {
        releasing ??= release()
        return releasing
      },
    }
  } catch (thrown) {
    await lock.release()
    throw thrown
  }
}
