/** Whether what is shown is what is: quiet while it is, with the age and the next try while it is not. */

import { ago } from '../model/time.ts'
import { beat } from '../state/clock.ts'
import type { StreamPhase } from '../stream.ts'
import { Ago } from './time.tsx'

type Props = {
  readonly phase: StreamPhase
  readonly heardAt: number
  readonly what: string
  readonly onRetry: () => void
}

/** Shorter interruptions are nobody's business, ms. */
const quietFor = 3_000

export const Connection = ({ phase, heardAt, what, onRetry }: Props) => {
  const old = beat.value - heardAt
  if (phase.phase === 'live' || phase.phase === 'signed-out' || old < quietFor) return null
  if (phase.phase === 'resting') return null
  if (phase.phase === 'forbidden') {
    return (
      <div class="banner tone-bad" role="alert">
        You may not look at {what} any more. What is shown here is <Ago at={heardAt} />.
      </div>
    )
  }
  const left = phase.phase === 'waiting' ? Math.ceil((phase.until - performance.now()) / 1000) : 0
  return (
    <div class="banner tone-warn" role="status">
      <span>
        {navigator.onLine ? `The connection to ${what} is interrupted.` : 'This device is offline.'} What is
        shown is from {ago(old)}.
      </span>
      <span class="figure banner-note">{left > 0 ? `Next try in ${left} s` : 'Trying …'}</span>
      <button type="button" class="button small" onClick={onRetry}>
        Try now
      </button>
    </div>
  )
}
