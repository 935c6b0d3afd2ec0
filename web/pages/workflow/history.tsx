/** Past jobs, newest first, as the account's server remembers them. */
import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { jobsBody } from '../../../protocol/api.ts'
import type { JobRow } from '../../../protocol/rows.ts'
import { cycleLabel, cycleTime } from '../../model/order.ts'
import { JobGlyph } from '../../parts/job.tsx'
import { SearchField } from '../../parts/search-field.tsx'
import { Blank } from '../../parts/states.tsx'
import { Elapsed, Time } from '../../parts/time.tsx'
import { query, setQuery } from '../../router.ts'
import { pathOf } from '../../routes.ts'
import { type ApiError, asApiError } from '../../state/api.ts'
import { api } from '../../state/session.ts'
import { accountPath } from '../../state/workflow.ts'
import type { WorkflowContext } from './context.ts'

const states = ['succeeded', 'failed', 'submit-failed', 'killed', 'lost', 'running'] as const
const pageSize = '100'
const settleTyping = 300

type Page = { readonly jobs: readonly JobRow[]; readonly cursor: string | null }

const Line = ({ row, context }: { readonly row: JobRow; readonly context: WorkflowContext }) => {
  const params = { account: context.account, workflow: context.workflow, cycle: row.cycle, task: row.task }
  return (
    <div
      class="row job"
      role="row"
      aria-label={`job ${row.submit} of ${row.task} ${row.cycle}`}
      data-state={row.state}
    >
      <span role="cell" class="cell-name">
        <JobGlyph state={row.state} />
        <a class="task-name" href={`${pathOf('task', params)}?job=${row.submit}`}>
          {row.task}
        </a>
        <small class="narrow-cycle figure" title={row.cycle}>
          {cycleTime(row.cycle)}
        </small>
      </span>
      <span role="cell" class="cell-cycle figure">
        {cycleLabel(row.cycle)}
      </span>
      <span role="cell" class="cell-submit figure">
        #{row.submit}
      </span>
      <span role="cell" class="cell-state">
        <span class="state-word">{row.state}</span>
        {row.exit !== null && row.exit !== 0 && <span class="flag">exit {row.exit}</span>}
        {row.note !== null && (
          <small class="job-note" title={row.note}>
            {row.note}
          </small>
        )}
      </span>
      <span role="cell" class="cell-host" title={row.runner}>
        {row.host ?? row.runner}
      </span>
      <span role="cell" class="cell-time figure">
        <Time at={row.startedAt ?? row.submittedAt} />
      </span>
      <span role="cell" class="cell-took figure">
        <Elapsed since={row.startedAt} until={row.finishedAt} />
      </span>
    </div>
  )
}

const FilterFields = () => (
  <div class="filters">
    <SearchField label="Task" value={query.value.get('task') ?? ''} onChange={(task) => setQuery({ task })} />
    <SearchField
      label="Cycle"
      value={query.value.get('cycle') ?? ''}
      onChange={(cycle) => setQuery({ cycle })}
    />
    <select
      aria-label="State"
      value={query.value.get('jobs') ?? ''}
      onChange={(event) => setQuery({ jobs: event.currentTarget.value })}
    >
      <option value="">Every state</option>
      {states.map((state) => (
        <option key={state} value={state}>
          {state}
        </option>
      ))}
    </select>
  </div>
)

export const History = ({ context }: { readonly context: WorkflowContext }) => {
  const page = useSignal<Page | undefined>(undefined)
  const failed = useSignal<ApiError | undefined>(undefined)
  const again = useSignal(0)
  const asked = useMemo(() => {
    const next = new URLSearchParams({ workflow: context.workflow, limit: pageSize })
    for (const [ours, theirs] of [
      ['task', 'task'],
      ['cycle', 'cycle'],
      ['jobs', 'state'],
    ] as const) {
      const value = query.value.get(ours)?.trim()
      if (value !== undefined && value !== '') next.set(theirs, value)
    }
    return next.toString()
  }, [query.value, context.workflow])

  const load = async (cursor: string | undefined, signal?: AbortSignal) => {
    try {
      const more = cursor === undefined ? '' : `&before=${encodeURIComponent(cursor)}`
      const path = accountPath(context.account, `jobs?${asked}${more}`)
      const body = await api.get(path, jobsBody, signal === undefined ? {} : { signal })
      const before = cursor === undefined ? [] : (page.peek()?.jobs ?? [])
      page.value = { jobs: [...before, ...body.jobs], cursor: body.cursor }
      failed.value = undefined
    } catch (thrown) {
      if (signal?.aborted !== true) failed.value = asApiError(thrown)
    }
  }
  useEffect(() => {
    const stop = new AbortController()
    const timer = setTimeout(
      () => void load(undefined, stop.signal),
      page.peek() === undefined ? 0 : settleTyping,
    )
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, [asked, context.account, again.value])

  const { cursor, jobs } = page.value ?? { cursor: null, jobs: undefined }
  return (
    <>
      <FilterFields />
      {failed.value !== undefined && (
        <Blank title="The history could not be read" tone="bad">
          <p>{failed.value.message}</p>
          <button type="button" class="button" onClick={() => (again.value += 1)}>
            Retry
          </button>
        </Blank>
      )}
      {jobs === undefined && failed.value === undefined && <Blank title="Loading past jobs" busy />}
      {jobs?.length === 0 && <Blank title="No past job matches" />}
      {jobs !== undefined && jobs.length > 0 && (
        <div class="grid history" role="table" aria-label={`Past jobs of ${context.workflow}`}>
          <div class="grid-head" role="row">
            {['Task', 'Cycle', 'Job', 'State', 'Host', 'Started', 'Took'].map((label, index) => (
              <span key={label} role="columnheader" class={headClasses[index]}>
                {label}
              </span>
            ))}
          </div>
          {jobs.map((row) => (
            <Line key={`${row.cycle}/${row.task}/${row.submit}`} row={row} context={context} />
          ))}
        </div>
      )}
      {cursor !== null && (
        <p class="more">
          <button type="button" class="button" onClick={() => void load(cursor)}>
            Older jobs
          </button>
        </p>
      )}
    </>
  )
}

const headClasses = [
  'cell-name',
  'cell-cycle',
  'cell-submit',
  'cell-state',
  'cell-host',
  'cell-time',
  'cell-took',
]
