/** Times in the viewer's zone with UTC in the title, and durations that go on by themselves. */
import { ago, clockTime, duration, utcTime } from '../model/time.ts'
import { beat, slowBeat } from '../state/clock.ts'

export const Time = ({ at }: { readonly at: number | null }) =>
  at === null ? (
    <span class="none">–</span>
  ) : (
    <time dateTime={new Date(at).toISOString()} title={utcTime(at)}>
      {clockTime(at, slowBeat.value)}
    </time>
  )

/** How long ago; changes seldom. */
export const Ago = ({ at }: { readonly at: number }) => {
  return (
    <time dateTime={new Date(at).toISOString()} title={utcTime(at)}>
      {ago(slowBeat.value - at)}
    </time>
  )
}

/** From `since` to `until`, or up to now while it goes on. */
export const Elapsed = ({
  since,
  until,
}: {
  readonly since: number | null
  readonly until: number | null
}) =>
  since === null ? (
    <span class="none">–</span>
  ) : (
    <span class="figure">{duration((until ?? beat.value) - since)}</span>
  )
