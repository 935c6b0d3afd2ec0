/** Files that people write by hand: never believed while somebody is still writing. */
import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { SeneschalError } from '../protocol/errors.ts'

export type SettledRules = {
  /** Epoch, ms. */
  readonly now: () => number
  readonly maxBytes: number
}

/** An editor or `cp` that truncates and writes in place is through after this long. */
const settleMs = 200
/** Somebody who appends for seconds is asked to come back. */
const patience = 25

type Stats = Awaited<ReturnType<typeof statOf>>
const statOf = (path: string) => stat(path, { bigint: true })

const stampOf = ({ ino, size, mtimeNs, ctimeNs }: Stats): string => `${ino} ${size} ${mtimeNs} ${ctimeNs}`
const changedAt = ({ mtimeNs, ctimeNs }: Stats): number =>
  Number((mtimeNs > ctimeNs ? mtimeNs : ctimeNs) / 1_000_000n)

/** Never blocks on what is no file, and never reads more than it may hold. */
const read = async (path: string, maxBytes: number): Promise<string> => {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = await file.stat()
    if (!found.isFile()) throw new SeneschalError('config.invalid', `${path}:1:1: is not a regular file.`)
    if (found.size > maxBytes)
      throw new SeneschalError('input.too-large', `${path}:1:1: is larger than ${maxBytes} bytes.`)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(found.size + 1), 0, found.size + 1, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

/**
 * The content of a file that did not change for 200 ms, nor while it was read: half a policy would still be a policy,
 * perhaps a wider one. A file that was left alone before is read at once. Throws what the system throws,
 * `input.too-large`, and `config.invalid` for what is no file or never comes to rest.
 */
export const readSettled = async (path: string, { now, maxBytes }: SettledRules): Promise<string> => {
  let found = await statOf(path)
  for (let tries = 0; tries < patience; tries++) {
    const age = now() - changedAt(found)
    // A time that lies ahead of us tells nothing about how long ago it was.
    if (age < settleMs) {
      await pause(settleMs)
      const again = await statOf(path)
      const rested = stampOf(again) === stampOf(found)
      found = again
      if (!rested) continue
    }
    const text = await read(path, maxBytes)
    const after = await statOf(path)
    if (stampOf(after) === stampOf(found)) return text
    found = after
  }
  throw new SeneschalError('config.invalid', `${path}:1:1: is being written all the time.`)
}
