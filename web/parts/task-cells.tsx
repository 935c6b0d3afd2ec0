/** The cells that a task instance has wherever it stands in a row. */
import type { InstanceRow, TaskRow } from '../../protocol/rows.ts'
import { modifiers } from '../model/attention.ts'
import { duration, progress } from '../model/time.ts'
import { beat } from '../state/clock.ts'
import { Glyph, stateWords } from './glyph.tsx'
import { Elapsed, Time } from './time.tsx'

export const StateGlyph = ({
  row,
  task,
}: {
  readonly row: InstanceRow
  readonly task: TaskRow | undefined
}) => (
  <Glyph
    state={row.state}
    held={row.held}
    part={row.state === 'running' ? progress(row.startedAt, task?.meanRun ?? null, beat.value) : undefined}
  />
)

const retryText = (row: InstanceRow): string | undefined => {
  if (row.state !== 'waiting' || row.retryAt === null) return undefined
  const left = row.retryAt - beat.value
  return left > 0 ? `retry in ${duration(left + 999)}` : 'retry due'
}

/** Which instance and how it is, as the name of its row. */
export const spokenInstance = (row: InstanceRow): string =>
  [`${row.task} ${row.cycle}`, stateWords(row.state), ...modifiers(row)].join(', ')

export const StateText = ({ row }: { readonly row: InstanceRow }) => {
  const words = modifiers(row)
  return (
    <span class="state-text">
      <span class={`state-word state-${row.state}`}>{stateWords(row.state)}</span>
      {words.map((word) => (
        <span key={word} class={`flag flag-${word.replace(' ', '-')}`}>
          {word === 'retrying' ? (retryText(row) ?? word) : word}
        </span>
      ))}
    </span>
  )
}

/** When it started, or was submitted, or what it did last. */
export const Began = ({ row }: { readonly row: InstanceRow }) => (
  <Time at={row.startedAt ?? row.submittedAt} />
)

export const Took = ({ row, task }: { readonly row: InstanceRow; readonly task: TaskRow | undefined }) => (
  <span class="took">
    <Elapsed since={row.startedAt} until={row.state === 'running' ? null : (row.finishedAt ?? row.at)} />
    {row.state === 'running' && task?.meanRun != null && (
      <span class="mean figure" title="Mean run time">
        /{duration(task.meanRun)}
      </span>
    )}
  </span>
)
