/** Waiting for parts to come up, with the log at hand when they do not. */
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { SeneschalError } from '../protocol/errors.ts'

const patienceMs = 60_000
const stepMs = 100

const until = async (what: string, log: string, holds: () => Promise<boolean>): Promise<void> => {
  const end = Date.now() + patienceMs
  while (Date.now() < end) {
    if (await holds()) return
    await sleep(stepMs)
  }
  throw new SeneschalError(
    'spawn.timeout',
    `${what} did not come up within ${patienceMs / 1000} s; see ${log}`,
  )
}

export const whenFile = (file: string, log: string): Promise<void> =>
  until(file, log, () => Promise.resolve(existsSync(file)))

/** Resolves when the address answers 200. */
export const whenReady = (url: string, log: string): Promise<void> =>
  until(url, log, async () => {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2000) })
      await answer.arrayBuffer()
      return answer.status === 200
    } catch {
      // Not listening yet.
      return false
    }
  })
