/**
 * What everybody may see of a request: `2_processing`, then `3_finished` or `3_error`, each with `status.json`.
 * A view, never read back: whoever is in the daemon's group could replace it, so nothing is followed or trusted here.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fchmodSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../durable/files.ts'
import type { PublicStatus } from '../protocol/public-status.ts'
import type { SiteLayout } from './layout.ts'

export type { PublicStatus } from '../protocol/public-status.ts'

export type Publisher = {
  /**
   * Resolves when this status, or one that overtook it, is written, or cannot be written: it is a courtesy, since
   * whoever may know finds it in the feed.
   */
  readonly publish: (name: string, status: PublicStatus) => Promise<void>
  /** At the start: empties `2_processing` of what an earlier run left there, but for requests that still wait. */
  readonly clear: (waiting: ReadonlySet<string>) => void
}

const withDescriptor = (fd: number, work: () => void): void => {
  try {
    work()
  } finally {
    closeSync(fd)
  }
}

/** The file is made in the directory that was opened, whatever its name leads to by then; whatever the umask. */
const writeStatus = (directory: string, status: PublicStatus): void => {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_CREAT, O_EXCL, O_WRONLY } = constants
  const opened = openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  withDescriptor(opened, () => {
    fchmodSync(opened, 0o755)
    const flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW
    const file = openSync(`/proc/self/fd/${opened}/status.json`, flags, 0o644)
    withDescriptor(file, () => {
      fchmodSync(file, 0o644)
      writeSync(file, `${JSON.stringify(status)}\n`)
    })
  })
}

/**
 * A dozen short calls on the daemon's own disk: made at once they take a tenth of a millisecond, one by one through the
 * pool of threads they would wait behind every sync of the journal.
 */
const place = (parent: string, name: string, status: PublicStatus): void => {
  const temporary = join(parent, `.${name}.${randomBytes(6).toString('hex')}`)
  mkdirSync(temporary, { mode: 0o755 })
  try {
    writeStatus(temporary, status)
    try {
      renameSync(temporary, join(parent, name))
    } catch (thrown) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errnoOf(thrown) ?? '')) throw thrown
      rmSync(join(parent, name), { recursive: true, force: true })
      renameSync(temporary, join(parent, name))
    }
  } catch (thrown) {
    rmSync(temporary, { recursive: true, force: true })
    throw thrown
  }
}

/** Written in one turn of the loop; then others get theirs. */
const perTurn = 4

export const createPublisher = (layout: SiteLayout, onProblem: (error: Error | null) => void): Publisher => {
  type Entry = { readonly status: PublicStatus; readonly written: PromiseWithResolvers<void> }
  const waiting = new Map<string, Entry>()
  /** Names that stand in `2_processing`. */
  const processing = new Set<string>()
  let scheduled = false
  let failing = false

  const write = (name: string, status: PublicStatus): void => {
    if (status.state === 'waiting') {
      place(layout.processing, name, status)
      processing.add(name)
      return
    }
    place(status.state === 'done' ? layout.finished : layout.error, name, status)
    if (processing.delete(name)) rmSync(join(layout.processing, name), { recursive: true, force: true })
  }

  const writeOne = (name: string, { status, written }: Entry): void => {
    try {
      write(name, status)
      if (failing) onProblem(null)
      failing = false
    } catch (thrown) {
      if (!failing) onProblem(thrown instanceof Error ? thrown : new Error(String(thrown)))
      failing = true
    }
    written.resolve()
  }

  const turn = (): void => {
    scheduled = false
    let count = 0
    for (const [name, entry] of waiting) {
      if (count === perTurn) break
      waiting.delete(name)
      writeOne(name, entry)
      count += 1
    }
    schedule()
  }
  const schedule = (): void => {
    if (scheduled || waiting.size === 0) return
    scheduled = true
    setImmediate(turn)
  }

  return {
    publish: (name, status) => {
      const written = waiting.get(name)?.written ?? Promise.withResolvers<void>()
      waiting.set(name, { status, written })
      schedule()
      return written.promise
    },
    clear: (kept) => {
      // Views of another run: what still waits is published again, and whoever follows it loses sight of it no moment.
      for (const name of readdirSync(layout.processing))
        if (kept.has(name)) processing.add(name)
        else rmSync(join(layout.processing, name), { recursive: true, force: true })
    },
  }
}
