/**
 * What a daemon on another host said last, kept in a file of the hub: a hub that starts while that host is away shows
 * it as it was, by the permissions and locks that held, and goes on after it. Where the feed is mounted its own files
 * do that.
 */
import { dirname } from 'node:path'
import { z } from 'zod/mini'
import { ensureDir, readJsonFile, writeFileAtomic } from '../../durable/files.ts'
import type { FeedPlace, SiteFeedSink } from '../../durable/site-feed.ts'
import { put } from '../../protocol/feed.ts'
import { feedFiles } from '../../protocol/feed-stream.ts'

const keptFeed = z.strictObject({
  v: z.literal(1),
  place: z.strictObject({ epoch: z.string(), seq: z.number() }),
  rows: z.array(put),
  files: z.partialRecord(z.enum(feedFiles), z.unknown()),
})
type Kept = z.infer<typeof keptFeed>
type Row = Kept['rows'][number]

export type KeptFeedSettings = {
  /** Its directory is made, 0700. */
  readonly file: string
  /** What cannot be read or written there; it is then begun anew, or behind. */
  readonly onProblem: (thrown: unknown) => void
  /** Whether to go on after what was kept, or only to show it until all was told again; true unless told otherwise. */
  readonly goOn?: boolean
  /** How much may be asked for again after the hub was killed, ms. */
  readonly saveEvery?: number
}

const idOf = ({ kind, key }: { readonly kind: string; readonly key: string }): string => `${kind} ${key}`
/** They are in the hub's index by the time that they would be kept, and there is no end of them. */
const isKept = ({ kind }: Row): boolean => kind !== 'audit'

const read = async ({ file, onProblem }: KeptFeedSettings): Promise<Kept | undefined> => {
  try {
    return await readJsonFile(file, keptFeed)
  } catch (thrown) {
    onProblem(thrown)
    return undefined
  }
}

/** `follow` begins after what was kept, as a rule; its rows and files the sink has been given by then. */
export const keepFeed = async (
  settings: KeptFeedSettings,
  sink: SiteFeedSink,
  follow: (since: FeedPlace | undefined, sink: SiteFeedSink) => Promise<void>,
): Promise<void> => {
  const rows = new Map<string, Row>()
  const files: Kept['files'] = {}
  let place: FeedPlace | undefined
  let isSaved = true
  let saving = Promise.resolve()

  const keep = (all: readonly Row[], at: FeedPlace): void => {
    rows.clear()
    for (const row of all) if (isKept(row)) rows.set(idOf(row), row)
    place = at
    isSaved = false
  }
  const write = async (): Promise<void> => {
    if (isSaved || place === undefined) return
    isSaved = true
    const kept: Kept = { v: 1, place, rows: [...rows.values()], files }
    try {
      await ensureDir(dirname(settings.file), { mode: 0o700 })
      await writeFileAtomic(settings.file, JSON.stringify(kept), { mode: 0o600, fsync: false })
    } catch (thrown) {
      isSaved = false
      settings.onProblem(thrown)
    }
  }
  const save = (): Promise<void> => {
    saving = saving.then(write)
    return saving
  }

  const kept = await read(settings)
  if (kept !== undefined) {
    for (const name of feedFiles) {
      files[name] = kept.files[name]
      if (files[name] !== undefined) sink.onFile(name, files[name])
    }
    keep(kept.rows, kept.place)
    await sink.onReset(kept.rows, kept.place)
  }
  const timer = setInterval(() => void save(), settings.saveEvery ?? 30_000)
  timer.unref()
  try {
    await follow(settings.goOn === false ? undefined : place, {
      ...sink,
      onReset: (all, at) => {
        keep(all, at)
        return sink.onReset(all, at)
      },
      onLines: (lines) => {
        for (const line of lines) {
          for (const row of line.put) if (isKept(row)) rows.set(idOf(row), row)
          for (const gone of line.drop) rows.delete(idOf(gone))
          if (place !== undefined) place = { ...place, seq: line.seq }
        }
        isSaved = false
        return sink.onLines(lines)
      },
      onFile: (name, value) => {
        files[name] = value
        isSaved = false
        sink.onFile(name, value)
      },
    })
  } finally {
    clearInterval(timer)
    await save()
  }
}
