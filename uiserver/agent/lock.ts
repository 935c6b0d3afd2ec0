/**
 * One at a time among processes: an advisory lock that the kernel gives up with its holder. Node offers none itself,
 * and a lock file cannot be taken over from a dead holder without a race; SQLite's lock of a database file is fcntl's.
 */
import { statfs, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SeneschalError } from '../../protocol/errors.ts'

const busy = 5

/** What SQLite calls an I/O error is a full disk more often than a broken one. */
const whyNot = async (path: string, error: unknown): Promise<string> => {
  const { bavail } = await statfs(dirname(path))
  if (bavail === 0) return 'there is no space left on its disk.'
  return error instanceof Error ? `${error.message}.` : 'for no reason that is known.'
}

export const withLock = async <T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
  const { DatabaseSync } = await import('node:sqlite')
  // SQLite would make it readable by others.
  await writeFile(path, '', { flag: 'a', mode: 0o600 })
  const database = new DatabaseSync(path)
  try {
    for (;;) {
      signal.throwIfAborted()
      try {
        // Nothing is ever written: the file stays empty and there is no journal to recover.
        database.exec('BEGIN EXCLUSIVE')
        break
      } catch (error) {
        if (!(error instanceof Error && 'errcode' in error && error.errcode === busy))
          throw new SeneschalError('agent.failed', `${path} cannot be locked: ${await whyNot(path, error)}`, {
            cause: error,
          })
      }
      await sleep(20, undefined, { signal })
    }
    return await work()
  } finally {
    database.close()
  }
}
