/**
 * Carries out the copies of plans: some at a time, each tried again while copiers or the way to them are lost. Where a
 * copy is lies beside its destination, not here, so a daemon that starts goes on with all of them.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { CopyProgress } from '../../protocol/copies.ts'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import type { DaemonEvent } from '../events.ts'
import type { Executor } from '../plugins/executors.ts'
import { keyOfRun, type Leaf, type Run } from '../plugins/runs.ts'
import { type AttemptParts, attemptCopy, type Copied } from './attempt.ts'
import type { CopiesConfig } from './config.ts'
import { objectionTo, ordersOf } from './orders.ts'
import { createProgress, sizeOf } from './progress.ts'

export type CopyExecutorParts = Pick<AttemptParts, 'site'> & {
  readonly config: CopiesConfig
  /** undefined: the account has no host here. */
  readonly userOf: (account: string) => AttemptParts['user'] | undefined
  readonly commit: (events: readonly DaemonEvent[]) => Promise<void>
  readonly onProgress: (run: Run, leaf: Leaf, progress: CopyProgress) => void
  readonly onProblem: (account: string, error: unknown) => void
  readonly now: () => number
  /** In [0, 1): spreads retries. */
  readonly random: () => number
}

export type CopyExecutor = Executor & {
  /** Copiers end; the next daemon goes on. */
  readonly close: () => void
}

/** Attempts in a row in which nothing went forward. */
const attempts = 20
const longestPause = 30_000

const told = ({ counts, skipped }: Copied): string =>
  `${counts.files} ${counts.files === 1 ? 'file' : 'files'}, ${sizeOf(counts.bytes)}` +
  (skipped === 0 ? '.' : `; ${skipped} entries were skipped.`)

export const createCopyExecutor = (parts: CopyExecutorParts): CopyExecutor => {
  const { config, commit, now } = parts
  const closed = new AbortController()
  const underWay = new Map<string, AbortController>()
  const queue: (() => void)[] = []
  let places = config.atOnce
  const nameOf = (run: Run, leaf: Leaf): string => `${keyOfRun(run)}#${leaf.number}`

  const enter = async (): Promise<void> => {
    if (places > 0) places -= 1
    else await new Promise<void>((resolve) => queue.push(resolve))
  }
  const leave = (): void => {
    const next = queue.shift()
    if (next === undefined) places += 1
    else next()
  }

  const copy = async (run: Run, leaf: Leaf, signal: AbortSignal): Promise<Copied> => {
    if (leaf.step.kind !== 'copy') throw new SeneschalError('internal')
    const user = parts.userOf(run.account)
    const orders = ordersOf(config, run.account, leaf.step)
    const progress = createProgress(now)
    let furthest = -1
    let pause = 500
    for (let left = attempts; ; left -= 1) {
      try {
        return await attemptCopy(orders, {
          site: parts.site,
          user: user ?? (() => Promise.reject(new SeneschalError('copy.failed', 'The account has no host.'))),
          signal,
          onCounts: (counts) => {
            if (counts.bytes > furthest) [furthest, left, pause] = [counts.bytes, attempts, 500]
            parts.onProgress(run, leaf, progress(counts))
          },
        })
      } catch (thrown) {
        const error = asSeneschalError(thrown)
        const mayRecover = ['lost.connection', 'host.unreachable', 'agent.failed', 'server.timeout']
        if (signal.aborted || left <= 1 || !mayRecover.includes(error.code)) throw error
        parts.onProblem(run.account, error)
      }
      await sleep(pause * (0.5 + parts.random()), undefined, { signal })
      pause = Math.min(pause * 2, longestPause)
    }
  }

  const carryOut = async (run: Run, leaf: Leaf, { signal }: AbortController): Promise<void> => {
    await enter()
    let outcome: { readonly ok: boolean; readonly note: string }
    try {
      outcome = { ok: true, note: told(await copy(run, leaf, signal)) }
      parts.onProblem(run.account, null)
    } catch (thrown) {
      const error = asSeneschalError(thrown)
      const why = signal.aborted ? 'It was ended.' : (error.detail ?? error.message)
      outcome = { ok: false, note: why.slice(0, 800) }
    } finally {
      leave()
      underWay.delete(nameOf(run, leaf))
    }
    if (closed.signal.aborted) return
    const { uid, id } = run
    await commit([{ kind: 'run-leaf', at: now(), uid, id, leaf: leaf.number, ...outcome }])
  }

  return {
    objection: (account, step) => {
      if (step.kind !== 'copy') return undefined
      const isUsers = step.from.side === 'user' || step.to.side === 'user'
      return isUsers && parts.userOf(account) === undefined
        ? 'It needs a copy as the account, and there is no host for this account.'
        : objectionTo(config, step)
    },
    start: (run, leaf) => {
      const control = new AbortController()
      underWay.set(nameOf(run, leaf), control)
      carryOut(run, leaf, control).catch((error) =>
        closed.signal.aborted ? undefined : parts.onProblem(run.account, error),
      )
    },
    cancel: (run, leaf) => underWay.get(nameOf(run, leaf))?.abort(),
    close: () => {
      closed.abort()
      for (const control of underWay.values()) control.abort()
    },
  }
}
