/**
 * A lock that the kernel keeps: a child of ours holds it, and ends with us, however we end, because its standard input
 * closes. On filesystems that know locks across hosts (NFSv4) it keeps other hosts out as well.
 */
import { spawn } from 'node:child_process'
import { SeneschalError } from '../../protocol/errors.ts'

export type Lock = {
  /** Resolves when the lock is gone although nobody gave it back. */
  readonly lost: Promise<void>
  readonly release: () => Promise<void>
}

/** What flock(1) ends with when somebody else has it. */
const taken = 75
/** Seconds: of one that was killed just now the child is still about to end. */
const patience = 2
/** Signals for all of a unit or a terminal are not for it: it goes when we have. */
const keep = "trap '' TERM INT HUP; echo held; exec cat >/dev/null"

/** Undefined where somebody else has it. Throws `config.invalid` where there is no flock(1). */
export const takeLock = async (file: string): Promise<Lock | undefined> => {
  const options = ['--timeout', String(patience), '--conflict-exit-code', String(taken)]
  const child = spawn('flock', [...options, '--', file, 'sh', '-c', keep], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { PATH: '/usr/bin:/bin' },
    detached: true,
  })
  child.stdin.on('error', () => undefined)
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new SeneschalError('config.invalid', 'flock(1) is needed (util-linux).', { cause })),
    )
    child.once('close', (code) => resolve(code))
  })
  const held = new Promise<'held'>((resolve) => child.stdout.once('data', () => resolve('held')))
  const first = await Promise.race([held, ended])
  if (first !== 'held') {
    if (first === taken) return undefined
    throw new SeneschalError('config.invalid', `${file} cannot be locked (flock ended with ${first}).`)
  }
  child.unref()
  let released = false
  const lost = new Promise<void>((resolve) => {
    const over = () => {
      if (!released) resolve()
    }
    ended.then(over, over)
  })
  return {
    lost,
    release: async () => {
      released = true
      child.ref()
      child.stdin.end()
      await ended.catch(() => undefined)
    },
  }
}
