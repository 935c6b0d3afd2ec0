/** How workflows and jobs are told in a line each. */
import { formatId } from '../../protocol/ids.ts'
import type { JobRow, SummaryRow } from '../../protocol/rows.ts'

/** To the second, in UTC. */
export const clock = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')

const idOf = ({ account, workflow }: SummaryRow): string => formatId({ account, workflow })

/** One line each, in columns: id, state, how many instances are in which state. */
export const summaryLines = (rows: readonly SummaryRow[]): readonly string[] => {
  const width = Math.max(0, ...rows.map((row) => idOf(row).length)) + 2
  return rows.map((row) => {
    const counts = Object.entries(row.counts).filter(([, count]) => count > 0)
    const told = counts.map(([state, count]) => `${count} ${state}`).join(', ')
    return `${idOf(row).padEnd(width)}${row.state.padEnd(10)}${told}`.trimEnd()
  })
}

/** The latest time that is known, with what it is. */
const when = ({ submittedAt, startedAt, finishedAt }: JobRow): string => {
  if (finishedAt !== null) return `ended ${clock(finishedAt)}`
  if (startedAt !== null) return `started ${clock(startedAt)}`
  return submittedAt === null ? 'not submitted' : `submitted ${clock(submittedAt)}`
}

export const jobLine = (row: JobRow): string =>
  [
    `${row.cycle}/${row.task}/${String(row.submit).padStart(2, '0')}`,
    row.state,
    row.exit === null || row.exit === 0 ? '' : `exit ${row.exit}`,
    row.host === null ? row.runner : `${row.runner} on ${row.host}`,
    when(row),
    row.note ?? '',
  ]
    .filter((word) => word !== '')
    .join('  ')
