/** Waiting for parts to come up, with the log at hand when they do not. */
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { SeneschalError } from '../protocol/errors.ts'

const patienceMs = 60_000
const stepMs = 100

type Holds = () => Promise<boolean>
const until = async (what: string, log: string, signal: AbortSignal, holds: Holds): Promise<void> => {
  const end = Date.now() + patienceMs
  while (Date.now() < end) {
    signal.throwIfAborted()
    if (await holds()) return
    await sleep(stepMs)
  }
  throw new SeneschalError(
    'spawn.timeout',
    `${what} did not come up within ${patienceMs / 1000} s; see ${log}`,
  )
}

export const whenFile = (file: string, log: string, signal: AbortSignal): Promise<void> =>
  until(file, log, signal, () => Promise.resolve(existsSync(file)))

/** Resolves when the address answers 200. */
export const whenReady = (url: string, log: string, signal: AbortSignal): Promise<void> =>
  until(url, log, signal, async () => {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2000) })
      await answer.arrayBuffer()
      return answer.status === 200
    } catch {
      // Not listening yet.
      return false
    }
  })
