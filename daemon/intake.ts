/**
 * The one door: files in the inbox become requests, each uid getting its turn, and each ends with an answer. A file is
 * taken away only when its answer is on disk; until then it is simply found again.
 */
import { lstatSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf } from '../durable/files.ts'
import { identityOf, takeEntry, watchInbox } from '../durable/inbox.ts'
import { asSeneschalError } from '../protocol/errors.ts'
import { requestId } from '../protocol/ids.ts'
import type { LockOrder } from '../protocol/locks.ts'
import { type AdmissionRules, admitFile } from './admit.ts'
import type { Accepted, DaemonEvent } from './events.ts'
import { createFairQueue } from './fair-queue.ts'
import type { Publisher } from './published.ts'
import { createRefusals } from './refusals.ts'
import { known, ownerOfName, publicName } from './requests.ts'
import { isServed } from './reserves.ts'
import type { DaemonState } from './state.ts'

export type IntakeParts = {
  readonly inbox: string
  /** Group of the inbox. */
  readonly gid: number
  readonly pollMs: number
  readonly admission: AdmissionRules
  readonly state: DaemonState
  readonly publisher: Publisher
  /** Accepts, judges and applies; resolves when the answer is on disk and published. */
  readonly process: (request: Accepted) => Promise<void>
  /** Resolves when it is on disk and in force. */
  readonly takeOrder: (order: LockOrder) => Promise<void>
  readonly commit: (events: readonly DaemonEvent[]) => Promise<void>
  /** Whether only what the reserve serves is taken up; the rest waits where it lies. */
  readonly isFull: () => boolean
  readonly now: () => number
  readonly onProblem: (error: Error | null) => void
  readonly signal: AbortSignal
}

type Found = { readonly name: string; readonly identity: string; readonly uid: number }

/**
 * Files being read at once. Whoever is no account is looked up by name, for which a name service may take long: their
 * files have readers of their own.
 */
const readers = { accounts: 32, strangers: 16 }
/** Entries of a long list that are looked at in one turn of the loop. */
const perTurn = 64
/** Requests whose answers wait for the disk. */
const mostInFlight = 512

/**
 * Taking a file away changes the directory, so a long one would be read again all the time: the longer it is, the
 * longer until the next look, but never so long that a newcomer notices.
 */
const pauseFor = (names: number): number => (names < 200 ? 0 : Math.min(200, names / 20))

/** Resolves when the signal is aborted and what was in work is through. */
export const runIntake = async (parts: IntakeParts): Promise<void> => {
  const { inbox, state, publisher, now, signal } = parts
  const files = { accounts: createFairQueue<Found>(), strangers: createFairQueue<Found>() }
  const admitted = createFairQueue<{ readonly found: Found; readonly request: Accepted }>()
  /** Names that are queued or in work. */
  const taken = new Set<string>()
  /** Name → identity of entries that were refused and cannot be removed, and which list of the inbox was the last then. */
  const stuck = new Map<string, { readonly identity: string; readonly list: number }>()
  let lists = 0
  const reading = { accounts: 0, strangers: 0 }
  let inFlight = 0

  const release = (found: Found): void => {
    const path = join(inbox, found.name)
    taken.delete(found.name)
    try {
      const there = lstatSync(path, { throwIfNoEntry: false, bigint: true })
      // Another file was put under the name meanwhile: that one has not been read yet.
      if (there !== undefined && identityOf(there) !== found.identity) offer(found.name)
      else unlinkSync(path)
    } catch (thrown) {
      // A directory, for one. It is left, and left alone.
      if (errnoOf(thrown) !== 'ENOENT') stuck.set(found.name, { identity: found.identity, list: lists })
    }
  }

  const tell = (uid: number, code: string, reason: string, entry?: string): Promise<void> => {
    const account = parts.admission.accountOf(uid) ?? null
    const told = entry === undefined ? {} : { entry }
    return parts.commit([{ kind: 'file-refused', at: now(), uid, account, code, reason, ...told }])
  }
  const refusals = createRefusals({
    tellCount: (uid, count) => tell(uid, 'request.file-refused', `${count} more in this minute.`),
  })

  const refuse = async (found: Found, uid: number, code: string, reason: string): Promise<void> => {
    const entry = `${found.name} ${found.identity}`
    if (!state.refused.has(entry)) {
      if (!refusals.mayTell(uid)) {
        release(found)
        return
      }
      await tell(uid, code, reason.slice(0, 500), entry)
    }
    const id = found.name.replace(/\.json$/, '')
    // Who squats on another's id must not answer for it.
    if (requestId.safeParse(id).success && ownerOfName(state.requests, id) === undefined)
      await publisher.publish(id, { id, state: 'refused', code, at: now() })
    release(found)
  }

  const handle = async (found: Found, request: Accepted): Promise<void> => {
    const before = known(state.requests, request.uid, request.id)
    if (before === undefined) await parts.process(request)
    else if (!before.waiting) {
      // The same answer again, in case it was not written before the daemon ended.
      const { id, state: outcome, code, at } = before.answer
      await publisher.publish(publicName(state.requests, request), { id, state: outcome, code, at })
    }
    release(found)
  }

  const obey = async (found: Found, order: LockOrder): Promise<void> => {
    const { jti: id } = order
    await parts.takeOrder(order)
    if (ownerOfName(state.requests, id) === undefined)
      await publisher.publish(id, { id, state: 'done', code: null, at: now() })
    release(found)
  }

  /** Of what was accepted already only the answer is told again. */
  const mustWait = (request: Accepted): boolean =>
    parts.isFull() && !isServed(request) && known(state.requests, request.uid, request.id) === undefined

  const read = async (listed: Found): Promise<void> => {
    const entry = await takeEntry(inbox, listed.name, { gid: parts.gid })
    // It may be another one than that which was listed.
    const found = { ...listed, identity: entry.identity ?? listed.identity }
    if (!entry.ok) {
      if (entry.code === 'file.unknown') taken.delete(found.name)
      else await refuse(found, entry.uid ?? found.uid, entry.code, entry.detail)
      return
    }
    try {
      const asked = await admitFile(entry, parts.admission)
      if ('order' in asked) return await obey(found, asked.order)
      // It is found again at the next look.
      if (mustWait(asked)) return void taken.delete(found.name)
      const lane = asked.person === null ? `uid:${entry.uid}` : `person:${asked.person}`
      admitted.push(lane, { found, request: asked })
    } catch (thrown) {
      const error = asSeneschalError(thrown)
      // What the disk refuses says nothing about the file.
      if (error.code === 'internal' || error.code === 'journal.unwritable') throw thrown
      await refuse(found, entry.uid, error.code, error.detail ?? error.message)
    }
  }

  /** What the disk refuses is tried again when the inbox is looked at the next time. */
  const giveBack = (found: Found) => (thrown: unknown) => {
    taken.delete(found.name)
    if (!signal.aborted) parts.onProblem(thrown instanceof Error ? thrown : new Error(String(thrown)))
  }

  const pump = (): void => {
    for (const who of ['accounts', 'strangers'] as const)
      while (reading[who] < readers[who] && inFlight + admitted.size() < mostInFlight && !signal.aborted) {
        const found = files[who].take()
        if (found === undefined) break
        reading[who] += 1
        read(found)
          .catch(giveBack(found))
          .finally(() => {
            reading[who] -= 1
            settle()
          })
      }
    while (inFlight < mostInFlight && !signal.aborted) {
      const next = admitted.take()
      if (next === undefined) break
      if (mustWait(next.request)) {
        taken.delete(next.found.name)
        continue
      }
      inFlight += 1
      handle(next.found, next.request)
        .catch(giveBack(next.found))
        .finally(() => {
          inFlight -= 1
          settle()
        })
    }
  }

  const idle = Promise.withResolvers<void>()
  const settle = (): void => {
    pump()
    if (signal.aborted && reading.accounts + reading.strangers + inFlight === 0) idle.resolve()
  }

  const offer = (name: string): void => {
    if (taken.has(name)) return
    const stat = lstatSync(join(inbox, name), { throwIfNoEntry: false, bigint: true })
    if (stat === undefined || stuck.get(name)?.identity === identityOf(stat)) return
    taken.add(name)
    const uid = Number(stat.uid)
    const who = parts.admission.accountOf(uid) === undefined ? 'strangers' : 'accounts'
    files[who].push(`uid:${uid}`, { name, identity: identityOf(stat), uid })
  }

  await watchInbox({
    dir: inbox,
    pollMs: parts.pollMs,
    isNews: (name) => !taken.has(name),
    onEntries: async (names, total) => {
      for (let index = 0; index < names.length; index += perTurn) {
        for (const name of names.slice(index, index + perTurn)) offer(name)
        pump()
        // A long list takes many turns of the loop, and others get theirs in between.
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (stuck.size > 0) {
        const there = new Set(names)
        // One that got stuck while this list was made was in work then, and so is not in it.
        for (const [name, { list }] of stuck) if (list < lists && !there.has(name)) stuck.delete(name)
      }
      lists += 1
      const pause = pauseFor(total)
      if (pause > 0 && !signal.aborted) await sleep(pause, undefined, { signal }).catch(() => undefined)
    },
    // A newcomer does not wait until a long directory was read.
    onEntry: (name) => {
      try {
        offer(name)
      } catch (thrown) {
        // What keeps it from being looked at keeps the list from being read, too; that one tells of it.
        if (errnoOf(thrown) === undefined) throw thrown
      }
      pump()
    },
    onProblem: parts.onProblem,
    signal,
  })
  settle()
  await idle.promise
  await refusals.close()
}
