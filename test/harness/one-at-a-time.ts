/** Sites with real Unix accounts share the machine's account names: only one may stand at a time, in whichever process. */
import { spawn } from 'node:child_process'

const lock = '/run/lock/seneschal-test-site'

/** Waits for its turn; resolves to what gives it up. A process that dies gives it up too. */
export const takeTurn = async (): Promise<() => Promise<void>> => {
  const holder = spawn('flock', [lock, 'sh', '-c', 'echo; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve, reject) => {
    holder.once('error', reject)
    holder.once('exit', () => resolve())
  })
  const taken = new Promise<void>((resolve) => holder.stdout.once('data', () => resolve()))
  await Promise.race([
    taken,
    ended.then(() => {
      throw new Error(`nobody can wait at ${lock}`)
    }),
  ])
  return async () => {
    holder.stdin.end()
    await ended
  }
}
