/**
 * What one look at a running server tells. Only an answer says that it is gone: a question that failed says nothing.
 * And one that does not answer is hung only if it does nothing at all, or if it has been silent for very long: on a
 * busy host a healthy one can be slow, and everybody who looks at it would lose by its being replaced.
 */
import type { SeneschalError } from '../../protocol/errors.ts'
import type { Handle, Spawner } from '../../spawners/contract.ts'
import type { Clock } from '../context.ts'
import { troubleOf } from './troubles.ts'

export type Verdict =
  | { readonly is: 'running'; readonly version: string; readonly memory: number | null }
  /** Too early to say why. */
  | { readonly is: 'silent' }
  | { readonly is: 'hung' }
  /** With its own last lines. */
  | { readonly is: 'gone'; readonly log: readonly string[] }
  | { readonly is: 'unknown'; readonly trouble: SeneschalError }

export type Looker = {
  readonly look: (handle: Handle) => Promise<Verdict>
  /** How many looks in a row found it silent. */
  readonly silentLooks: () => number
}

/** A question that takes longer has no answer, ms. */
const askPatience = 8000
/** Looks in a row at a process that is there, does nothing and does not answer, until it counts as hung. */
const mostIdleLooks = 2
/** One that is at work, or waits for a processor or a disk, has so long, ms: then it goes round in circles. */
const busyPatience = 60_000

export const createLooker = (spawner: Pick<Spawner, 'poll'>, now: Clock): Looker => {
  const unheard = { looks: 0, idle: 0, since: 0 }
  let silence: typeof unheard & { readonly instance: string } = { ...unheard, instance: '' }

  const judgeSilence = (instance: string, busy: boolean): Verdict => {
    const before = silence.instance === instance && silence.looks > 0 ? silence : { ...unheard, since: now() }
    silence = { ...before, instance, looks: before.looks + 1, idle: busy ? 0 : before.idle + 1 }
    const isHung = silence.idle >= mostIdleLooks || now() - silence.since >= busyPatience
    return { is: isHung ? 'hung' : 'silent' }
  }

  return {
    silentLooks: () => silence.looks,
    look: async (handle) => {
      try {
        const found = await spawner.poll(handle, AbortSignal.timeout(askPatience))
        if (found.state === 'silent') return judgeSilence(handle.instance, found.busy)
        silence = { ...unheard, instance: handle.instance }
        return found.state === 'running'
          ? { is: 'running', version: found.version, memory: found.memory ?? null }
          : { is: 'gone', log: found.log }
      } catch (thrown) {
        return { is: 'unknown', trouble: troubleOf(thrown) }
      }
    },
  }
}
