/**
 * Group commit: appends that wait together are written and synced together, in order. Journal and audit chain stand
 * on it.
 */
import { constants } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Disk } from './disk.ts'
import { syncDir } from './files.ts'
import { closeFile, openFile, statFile } from './lines.ts'

/** Where everything durable ends; undefined before the first file. */
export type DurableEnd = { readonly file: string; readonly size: number } | undefined

export type GroupCommit = {
  /** Appends to the file of that name, which is the last one or a new one. Resolves when it is on disk. */
  readonly append: (file: string, bytes: Uint8Array) => Promise<void>
  readonly durable: () => DurableEnd
  readonly close: () => Promise<void>
}

type Waiting = {
  readonly file: string
  readonly bytes: Uint8Array
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const batchBytes = 8 * 1024 * 1024

export const createGroupCommit = (settings: {
  readonly dir: string
  readonly disk: Disk
  readonly end: DurableEnd
  /** What stands before the bytes of one write, by which a reader can tell whether all of it reached the disk. */
  readonly seal?: (bytes: Uint8Array) => Uint8Array
  /** Everything not durable is lost: called before its appends are rejected, so that numbers go back first. */
  readonly onLost: () => void
}): GroupCommit => {
  const { dir, disk } = settings
  let end = settings.end
  let fd: number | undefined
  let waiting: Waiting[] = []
  let running: Promise<void> | undefined
  let closed = false

  /**
   * The descriptor of the file a batch goes to. What lies behind the durable end was never acknowledged. A file that
   * is to go on is not made anew, and not made longer: what it has lost would be taken for written.
   */
  const descriptor = async (file: string): Promise<number> => {
    if (fd !== undefined && end?.file === file) return fd
    const { O_CREAT, O_RDWR, O_NOFOLLOW } = constants
    const size = end?.file === file ? end.size : 0
    const opened = await openFile(join(dir, file), (size > 0 ? 0 : O_CREAT) | O_RDWR | O_NOFOLLOW, 0o600)
    try {
      if ((await statFile(opened)).size < size) throw new Error(`${file} has become shorter`)
      await disk.truncate(opened, size)
      await syncDir(dir)
    } catch (thrown) {
      await closeFile(opened)
      throw thrown
    }
    if (fd !== undefined) await closeFile(fd)
    fd = opened
    if (end?.file !== file) end = { file, size: 0 }
    return opened
  }

  const takeBatch = (): readonly Waiting[] => {
    const file = waiting[0]?.file
    let size = 0
    let count = 0
    for (const item of waiting) {
      if (item.file !== file || (count > 0 && size + item.bytes.length > batchBytes)) break
      size += item.bytes.length
      count += 1
    }
    return waiting.splice(0, count)
  }

  /** What is written to a file that nobody finds any more is lost: its directory was removed, moved, or mounted over. */
  const mustBeThere = async (target: number, file: string): Promise<void> => {
    const [ours, found] = await Promise.all([statFile(target), stat(join(dir, file))])
    if (ours.ino !== found.ino || ours.dev !== found.dev) throw new Error(`${file} is another file now`)
  }

  const commit = async (file: string, batch: readonly Waiting[]): Promise<void> => {
    const target = await descriptor(file)
    const content = Buffer.concat(batch.map((item) => item.bytes))
    const bytes = settings.seal === undefined ? content : Buffer.concat([settings.seal(content), content])
    const position = end?.size ?? 0
    await disk.write(target, bytes, position)
    await Promise.all([disk.sync(target), mustBeThere(target, file)])
    end = { file, size: position + bytes.length }
  }

  /** The descriptor is left too: after a failed sync only a fresh one with its truncation can be trusted. */
  const giveUp = async (batch: readonly Waiting[], error: unknown): Promise<void> => {
    const lost = [...batch, ...waiting]
    waiting = []
    const broken = fd
    fd = undefined
    settings.onLost()
    for (const item of lost) item.reject(error)
    if (broken === undefined) return
    // Now, so that nobody reads the failed bytes; where that fails too, the next append truncates or is refused.
    await Promise.allSettled([disk.truncate(broken, end?.size ?? 0)])
    await Promise.allSettled([closeFile(broken)])
  }

  const run = async (): Promise<void> => {
    // One turn of the loop lets everybody who appends now into the same sync.
    await new Promise((resolve) => setImmediate(resolve))
    while (waiting.length > 0) {
      const batch = takeBatch()
      try {
        await commit(batch[0]?.file ?? '', batch)
        for (const item of batch) item.resolve()
      } catch (error) {
        await giveUp(batch, error)
      }
    }
    running = undefined
  }

  return {
    append: (file, bytes) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new Error('closed'))
        waiting.push({ file, bytes, resolve, reject })
        running ??= run()
      }),
    durable: () => end,
    close: async () => {
      closed = true
      await running
      if (fd !== undefined) await closeFile(fd)
      fd = undefined
    },
  }
}
