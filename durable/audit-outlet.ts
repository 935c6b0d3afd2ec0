/**
 * One way out for one writer's audit chain: records in their order and signed heads, from where it was after a restart or
 * an outage. Nothing waits for it; what cannot go now goes later, from the files of the chain.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod/mini'
import type { AuditRecord } from '../protocol/audit.ts'
import { readChain } from './chain-verify.ts'
import { ensureDir, readJsonFile, writeFileAtomic } from './files.ts'

export type OutletParts = {
  /** Of the chain. */
  readonly dir: string
  readonly writer: string
  readonly name: string
  readonly records: boolean
  readonly checkpoints: boolean
  readonly checkpointEveryMs: number
  /** `SEQ:HASH` of the last durable record. */
  readonly head: () => string
  readonly send: (messages: readonly string[]) => Promise<void>
  /** How a record and a signed head are written there. */
  readonly present: (record: AuditRecord) => string
  readonly checkpoint: (head: { readonly seq: number; readonly hash: string }) => Promise<string>
  readonly now: () => number
  /** Told why nothing goes out, and null once it does again. */
  readonly onProblem: (problem: unknown) => void
  readonly signal: AbortSignal
}

export type Outlet = {
  /** A record is on disk. */
  readonly noted: (record: AuditRecord) => void
  /** Resolves after the signal, when what was on its way is. */
  readonly ended: Promise<void>
}

const place = z.strictObject({
  v: z.literal(1),
  /** Number of the last record that went out, and of the last head. */
  record: z.number(),
  head: z.number(),
})
type Place = z.infer<typeof place>

const batch = 200
/** Records kept in memory for a way out that keeps up. */
const mostKept = 5000
const shortestPause = 1000
const longestPause = 30_000
/** How often it looks whether a head is due, ms. */
const lookEvery = 1000
/** How often the place is written while records go out, ms. */
const placeEvery = 2000

const parseHead = (head: string): { readonly seq: number; readonly hash: string } => {
  const colon = head.indexOf(':')
  return { seq: Number(head.slice(0, colon)), hash: head.slice(colon + 1) }
}

export const startOutlet = (parts: OutletParts): Outlet => {
  const { signal, now } = parts
  const file = join(parts.dir, 'outlets', `${parts.name}.json`)
  const recent: AuditRecord[] = []
  let wake = Promise.withResolvers<void>()
  let failures = 0
  let headAt = Number.NEGATIVE_INFINITY
  let writtenAt = Number.NEGATIVE_INFINITY

  const save = async (at: Place, isDue: boolean): Promise<void> => {
    if (!isDue && now() - writtenAt < placeEvery) return
    writtenAt = now()
    await writeFileAtomic(file, JSON.stringify(at), { mode: 0o600, fsync: false })
  }

  /** The next ones: from memory where they are there, else from the chain's files. */
  const after = async (seq: number): Promise<readonly AuditRecord[]> => {
    const first = recent[0]?.seq ?? Number.POSITIVE_INFINITY
    if (first <= seq + 1) return recent.slice(seq + 1 - first, seq + 1 - first + batch)
    const found: AuditRecord[] = []
    const { seq: end } = parseHead(parts.head())
    for await (const record of readChain(parts.dir, { writer: parts.writer, after: seq })) {
      // What is behind the head is not durable yet.
      if (record.seq > end || found.push(record) >= batch) break
    }
    return found
  }

  const sendRecords = async (at: Place): Promise<boolean> => {
    const next = await after(at.record)
    const last = next.at(-1)
    if (last === undefined) return false
    await parts.send(next.map(parts.present))
    at.record = last.seq
    await save(at, next.length < batch)
    return true
  }

  const sendHead = async (at: Place): Promise<void> => {
    const head = parseHead(parts.head())
    if (head.seq <= at.head || now() - headAt < parts.checkpointEveryMs) return
    await parts.send([await parts.checkpoint(head)])
    headAt = now()
    at.head = head.seq
    await save(at, true)
  }

  const open = async (): Promise<Place> => {
    await ensureDir(join(parts.dir, 'outlets'), { mode: 0o700 })
    const { seq } = parseHead(parts.head())
    // A way out that is new begins with what comes; the chain itself has what was.
    const found = (await readJsonFile(file, place)) ?? { v: 1 as const, record: seq, head: 0 }
    // The chain was cut, or another one stands there: what is new in it is to be seen outside.
    return { ...found, record: Math.min(found.record, seq), head: Math.min(found.head, seq) }
  }

  const run = async (): Promise<void> => {
    let at: Place | undefined
    while (!signal.aborted)
      try {
        at ??= await open()
        const more = parts.records && (await sendRecords(at))
        if (parts.checkpoints) await sendHead(at)
        if (failures > 0) parts.onProblem(null)
        failures = 0
        if (!more) {
          await Promise.race([
            wake.promise,
            sleep(lookEvery, undefined, { signal, ref: false }).catch(() => undefined),
          ])
          wake = Promise.withResolvers()
        }
      } catch (error) {
        failures += 1
        if (failures === 1) parts.onProblem(error)
        const pause = Math.min(longestPause, shortestPause * 2 ** (failures - 1))
        await sleep(pause, undefined, { signal, ref: false }).catch(() => undefined)
      }
    if (at !== undefined) await save(at, true)
  }

  return {
    noted: (record) => {
      if (!parts.records) return
      if (recent.push(record) > mostKept) recent.splice(0, mostKept / 2)
      wake.resolve()
    },
    ended: run(),
  }
}
