/** Times in the viewer's zone with UTC in the title, and durations that go on by themselves. */
import { ago, clockTime, duration, utcTime } from '../model/time.ts'
import { beat, slowBeat } from '../state/clock.ts'

/** Nothing to show yet, and nothing to say. */
export const None = () => (
  <span class="none" aria-hidden="true">
    –
  </span>
)

export const Time = ({ at }: { readonly at: number | null }) =>
  at === null ? (
    <None />
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
}) => (since === null ? <None /> : <span class="figure">{duration((until ?? beat.value) - since)}</span>)
