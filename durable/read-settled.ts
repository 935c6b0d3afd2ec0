/** Files that people write by hand: never believed while somebody is still writing. */
import { readFile, stat } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { SeneschalError } from '../protocol/errors.ts'

/** An editor or `cp` that truncates and writes in place is through after this long. */
const settleMs = 200
/** Somebody who appends for seconds is asked to come back. */
const patience = 25

const stampOf = async (path: string): Promise<{ readonly stamp: string; readonly changed: number }> => {
  const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
  const latest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs
  return { stamp: `${ino} ${size} ${mtimeNs} ${ctimeNs}`, changed: Number(latest / 1_000_000n) }
}

/**
 * The content of a file that did not change for 200 ms, nor while it was read: half a policy would still be a policy,
 * perhaps a wider one. A file that was left alone before is read at once. Throws what `stat` and `readFile` throw, and
 * `config.invalid` for a file that never comes to rest.
 */
export const readSettled = async (path: string): Promise<string> => {
  let found = await stampOf(path)
  for (let tries = 0; tries < patience; tries++) {
    const age = Date.now() - found.changed
    // A time that lies ahead of us tells nothing about how long ago it was.
    if (age < settleMs) {
      await pause(settleMs)
      const again = await stampOf(path)
      const rested = again.stamp === found.stamp
      found = again
      if (!rested) continue
    }
    const text = await readFile(path, 'utf8')
    const after = await stampOf(path)
    if (after.stamp === found.stamp) return text
    found = after
  }
  throw new SeneschalError('config.invalid', `${path}:1:1: is being written all the time.`)
}
