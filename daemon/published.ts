/**
 * What everybody may see of a request: `2_processing`, then `3_finished` or `3_error`, each with `status.json`.
 * A view, never read back: whoever is in the daemon's group could replace it, so nothing is followed or trusted here.
 */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../durable/files.ts'
import type { SiteLayout } from './layout.ts'

/** No names, no arguments, no grants. */
export type PublicStatus = {
  readonly id: string
  readonly state: 'waiting' | 'done' | 'refused' | 'failed' | 'stale'
  readonly code: string | null
  /** Epoch, ms. */
  readonly at: number
}

export type Publisher = {
  /**
   * Resolves when this status, or one that overtook it, is written, or cannot be written: it is a courtesy, since
   * whoever may know finds it in the feed.
   */
  readonly publish: (name: string, status: PublicStatus) => Promise<void>
}

/** The file is made in the directory that was opened, whatever its name leads to by then. */
const writeStatus = async (directory: string, status: PublicStatus): Promise<void> => {
  await using opened = await open(
    directory,
    constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  )
  // Whatever the umask: everybody may look.
  await opened.chmod(0o755)
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants
  await using file = await open(
    `/proc/self/fd/${opened.fd}/status.json`,
    O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW,
    0o644,
  )
  await file.chmod(0o644)
  await file.writeFile(`${JSON.stringify(status)}\n`)
}

const place = async (parent: string, name: string, status: PublicStatus): Promise<void> => {
  const temporary = join(parent, `.${name}.${randomBytes(6).toString('hex')}`)
  await mkdir(temporary, { mode: 0o755 })
  try {
    await writeStatus(temporary, status)
    try {
      await rename(temporary, join(parent, name))
    } catch (thrown) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errnoOf(thrown) ?? '')) throw thrown
      await rm(join(parent, name), { recursive: true, force: true })
      await rename(temporary, join(parent, name))
    }
  } catch (thrown) {
    await rm(temporary, { recursive: true, force: true })
    throw thrown
  }
}

/** So many directories are written at once. */
const width = 8

export const createPublisher = (layout: SiteLayout, onProblem: (error: Error | null) => void): Publisher => {
  type Entry = { readonly status: PublicStatus; readonly written: PromiseWithResolvers<void> }
  const waiting = new Map<string, Entry>()
  /** Names being written: the next status of one of them waits for its turn. */
  const busy = new Set<string>()
  let failing = false

  const write = async (name: string, status: PublicStatus): Promise<void> => {
    if (status.state === 'waiting') {
      await place(layout.processing, name, status)
      return
    }
    await place(status.state === 'done' ? layout.finished : layout.error, name, status)
    await rm(join(layout.processing, name), { recursive: true, force: true })
  }

  const writeOne = async (name: string, { status, written }: Entry): Promise<void> => {
    try {
      await write(name, status)
      if (failing) onProblem(null)
      failing = false
    } catch (thrown) {
      if (!failing) onProblem(thrown instanceof Error ? thrown : new Error(String(thrown)))
      failing = true
    }
    busy.delete(name)
    written.resolve()
    pump()
  }

  const pump = (): void => {
    for (const [name, entry] of waiting) {
      if (busy.size >= width) return
      if (busy.has(name)) continue
      waiting.delete(name)
      busy.add(name)
      void writeOne(name, entry)
    }
  }

  return {
    publish: (name, status) => {
      const written = waiting.get(name)?.written ?? Promise.withResolvers<void>()
      waiting.set(name, { status, written })
      pump()
      return written.promise
    },
  }
}
