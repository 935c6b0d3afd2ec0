/** Counts by state: a bar that shows their shares, and figures that keep their place and width. */
import type { Counts, TaskState } from '../../protocol/rows.ts'
import { Glyph, Icon, stateWords } from './glyph.tsx'

/** What a person looks for first, first. */
export const stateOrder: readonly TaskState[] = [
  'failed',
  'submit-failed',
  'expired',
  'running',
  'submitted',
  'preparing',
  'waiting',
  'succeeded',
]

export const CountBar = ({ counts }: { readonly counts: Counts }) => {
  const total = stateOrder.reduce((sum, state) => sum + counts[state], 0)
  return (
    <span class="count-bar" aria-hidden="true">
      {stateOrder.map((state) =>
        counts[state] === 0 ? null : (
          <span
            key={state}
            class={`share fill-${state}`}
            style={{ flexGrow: String(counts[state] / total) }}
          />
        ),
      )}
    </span>
  )
}

const Figure = ({ state, count }: { readonly state: TaskState; readonly count: number }) => (
  // What there is none of keeps its place for the eye, and is not read out.
  <span
    class={`count ${count === 0 ? 'zero' : ''}`}
    title={`${count} ${stateWords(state)}`}
    aria-hidden={count === 0}
  >
    <Glyph state={state} part={0.7} />
    <span class="figure">{count}</span>
    <span class="sr"> {stateWords(state)}</span>
  </span>
)

/** Always the same places, whether there is something to count or not. */
export const CountColumns = ({ counts }: { readonly counts: Counts }) => (
  <span class="count-columns">
    <Figure state="failed" count={counts.failed + counts['submit-failed']} />
    <Figure state="running" count={counts.running} />
    <Figure state="submitted" count={counts.submitted + counts.preparing} />
    <Figure state="waiting" count={counts.waiting} />
    <Figure state="succeeded" count={counts.succeeded} />
  </span>
)

/** Only what there is, for lines that stand alone. */
export const CountList = ({ counts }: { readonly counts: Counts }) => (
  <span class="count-list">
    {stateOrder.map((state) =>
      counts[state] === 0 ? null : <Figure key={state} state={state} count={counts[state]} />,
    )}
  </span>
)

const extra = [
  ['late', 'late', 'late'],
  ['retrying', 'retrying', 'retrying'],
] as const

/** Late and retrying, where there are any: they deserve an eye, not an alarm. */
export const Marks = ({ counts }: { readonly counts: Counts }) => (
  <span class="marks">
    {extra.map(([key, icon, word]) =>
      counts[key] === 0 ? null : (
        <span key={key} class={`flag flag-${key}`}>
          <Icon name={icon} />
          <span class="figure">{counts[key]}</span> {word}
        </span>
      ),
    )}
    {counts.held > 0 && (
      <span class="flag flag-held">
        <span class="bars" aria-hidden="true" />
        <span class="figure">{counts.held}</span> held
      </span>
    )}
  </span>
)
