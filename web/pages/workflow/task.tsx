/** One task instance beside the tree: why it is as it is, its jobs and their logs, what was asked of it. */
import { useComputed, useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { actionOf, isActionName } from '../../../protocol/actions/registry.ts'
import { jobsBody } from '../../../protocol/api.ts'
import type { InstanceRow, JobRow, RequestRow } from '../../../protocol/rows.ts'
import { cycleLabel } from '../../model/order.ts'
import { familiesOf, taskKey } from '../../model/tree.ts'
import { ActionMenu } from '../../parts/action-menu.tsx'
import { Icon } from '../../parts/glyph.tsx'
import { Outcome } from '../../parts/outcome.tsx'
import { Blank } from '../../parts/states.tsx'
import { StateGlyph, StateText, Took } from '../../parts/task-cells.tsx'
import { Time } from '../../parts/time.tsx'
import { cameFromElsewhere, navigate, query, setQuery } from '../../router.ts'
import { pathOf } from '../../routes.ts'
import { asApiError } from '../../state/api.ts'
import { api } from '../../state/session.ts'
import { accountPath } from '../../state/workflow.ts'
import type { WorkflowContext } from './context.ts'
import { JobFacts, JobTabs, Logs } from './task-job.tsx'

type Props = {
  readonly context: WorkflowContext
  readonly cycle: string
  readonly task: string
  readonly close: string
}

const whyWaiting = (row: InstanceRow): string | undefined => {
  if (row.state !== 'waiting') return undefined
  const open = row.prerequisites.filter((item) => !item.satisfied).length
  if (row.stopped) return 'It was stopped and starts when somebody starts it.'
  if (row.held) return 'It is held and starts when somebody releases it.'
  if (open > 0) return `It waits for ${open} of ${row.prerequisites.length} prerequisites.`
  if (row.retryAt !== null) return 'It failed and is tried again after a pause.'
  if (row.runahead) return 'Its cycle is beyond the runahead limit: older cycles come first.'
  if (row.queued) return 'It is ready, and its queue is full.'
  return undefined
}

const Prerequisites = ({ row, context }: { readonly row: InstanceRow; readonly context: WorkflowContext }) =>
  row.prerequisites.length === 0 ? null : (
    <section aria-label="Prerequisites">
      <h3>Prerequisites</h3>
      <ul class="prerequisites">
        {row.prerequisites.map((item) => (
          <li key={`${item.cycle}/${item.task}:${item.output}`} class={item.satisfied ? 'met' : 'unmet'}>
            <Icon name={item.satisfied ? 'check' : 'close'} />
            <a
              href={pathOf('task', {
                account: context.account,
                workflow: context.workflow,
                cycle: item.cycle,
                task: item.task,
              })}
            >
              {item.task}
            </a>
            <span>{item.output}</span>
            {item.cycle !== row.cycle && <span class="figure hint">{cycleLabel(item.cycle)}</span>}
            <span class="sr">{item.satisfied ? 'met' : 'not met'}</span>
          </li>
        ))}
      </ul>
    </section>
  )

const requestText = (row: RequestRow): string => {
  const verb = isActionName(row.action) ? actionOf(row.action).label : row.action
  return row.state === 'done'
    ? `${verb}: done`
    : `${verb}: ${row.state}${row.reason === null ? '' : `, ${row.reason}`}`
}

const Requests = ({ rows }: { readonly rows: readonly RequestRow[] }) =>
  rows.length === 0 ? null : (
    <section aria-label="Requests">
      <h3>What was asked of it</h3>
      <ul class="asked">
        {rows.map((row) => (
          <li key={row.id}>
            <Time at={row.at} />
            <span>{row.person ?? `account ${row.account}`}</span>
            <span class={row.state === 'done' ? '' : 'bad-text'}>{requestText(row)}</span>
          </li>
        ))}
      </ul>
    </section>
  )

/** Jobs of the stream while the instance is active, of the history when it is gone. */
const useJobs = ({ context, cycle, task }: Props) => {
  const past = useSignal<readonly JobRow[]>([])
  const problem = useSignal<string | undefined>(undefined)
  const live = useComputed(() =>
    [...context.live.tables.read().job.values()].filter((row) => row.cycle === cycle && row.task === task),
  )
  const newest = live.value.reduce((most, row) => Math.max(most, row.submit), 0)
  useEffect(() => {
    const stop = new AbortController()
    const asked = new URLSearchParams({ workflow: context.workflow, cycle, task, limit: '50' })
    api.get(accountPath(context.account, `jobs?${asked}`), jobsBody, { signal: stop.signal }).then(
      (body) => {
        past.value = body.jobs.filter((row) => row.cycle === cycle && row.task === task)
        problem.value = undefined
      },
      (thrown: unknown) => {
        if (!stop.signal.aborted) problem.value = asApiError(thrown).message
      },
    )
    return () => stop.abort()
  }, [context.account, context.workflow, cycle, task, newest])
  const bySubmit = new Map([...past.value, ...live.value].map((row) => [row.submit, row]))
  return { jobs: [...bySubmit.values()].sort((a, b) => b.submit - a.submit), problem: problem.value }
}

export const TaskPanel = (props: Props) => {
  const { context, cycle, task, close } = props
  const tables = context.live.tables.read()
  const row = tables.instance.get(`${context.workflow}//${cycle}/${task}`)
  const definition = tables.task.get(taskKey({ workflow: context.workflow, task }))
  const families = familiesOf(definition)
  const { jobs, problem } = useJobs(props)
  const wide = query.value.get('wide') === '1'
  const asked = Number(query.value.get('job'))
  const chosen = jobs.find((job) => job.submit === asked) ?? jobs[0]
  const target = { account: context.account, workflow: context.workflow, cycle, task }
  const asks = [...tables.request.values()]
    .filter((item) => item.workflow === context.workflow && item.cycle === cycle && item.task === task)
    .sort((a, b) => b.at - a.at)
    .slice(0, 8)
  const why = row === undefined ? undefined : whyWaiting(row)
  const panel = useRef<HTMLElement>(null)
  // What was opened is where one is; closed, the tree gives the focus back to the row.
  useLayoutEffect(() => {
    const at = panel.current
    if (at === null || !cameFromElsewhere()) return
    at.focus({ preventScroll: true })
    if (at.getBoundingClientRect().top < 0) at.scrollIntoView()
  }, [])
  /** Escape closes it from wherever one is within, but for a menu, which closes itself. */
  const keys = (event: KeyboardEvent) => {
    const inMenu = event.target instanceof Element && event.target.closest('[popover]') !== null
    if (event.key === 'Escape' && !inMenu) navigate(close)
  }
  return (
    <aside ref={panel} class="panel" tabIndex={-1} aria-label={`${task} ${cycle}`} onKeyDown={keys}>
      <header class="panel-head">
        {row !== undefined && <StateGlyph row={row} task={definition} />}
        <div class="panel-title">
          <h2>{task}</h2>
          <span class="figure hint" title={cycle}>
            {cycleLabel(cycle)}
            {families.length > 0 && ` · ${families.join(' › ')}`}
          </span>
        </div>
        <span class="spring" />
        <ActionMenu target={target} allowed={context.allowed} instance={row} words="Actions" />
        <button
          type="button"
          class="icon-button wide-only"
          aria-label={wide ? 'Narrow panel' : 'Wide panel'}
          aria-pressed={wide}
          onClick={() => setQuery({ wide: wide ? null : '1' })}
        >
          <Icon name="wide" />
        </button>
        <a class="icon-button" href={close} aria-label="Close panel">
          <Icon name="close" />
        </a>
      </header>
      <div class="panel-body">
        {definition?.title != null && <p class="task-title">{definition.title}</p>}
        {row === undefined ? (
          <p class="hint">
            {context.live.tables.loaded.value
              ? 'This instance is not active; what it did is below.'
              : 'Waiting for the state of the workflow.'}
          </p>
        ) : (
          <div class="state-line" role="status" aria-label="State">
            <StateText row={row} />
            <Took row={row} task={definition} />
            <Outcome target={target} />
          </div>
        )}
        {why !== undefined && <p class="why">{why}</p>}
        {row !== undefined && <Prerequisites row={row} context={context} />}
        <Requests rows={asks} />
        {chosen === undefined ? (
          <Blank
            title={problem === undefined ? 'No job yet' : 'Jobs could not be read'}
            tone={problem === undefined ? 'plain' : 'bad'}
          >
            {problem !== undefined && <p>{problem}</p>}
          </Blank>
        ) : (
          <section class="jobs" aria-label="Job">
            <div class="jobs-head">
              <h3>{jobs.length === 1 ? 'Job' : 'Jobs'}</h3>
              <JobTabs jobs={jobs} chosen={chosen} />
            </div>
            <JobFacts job={chosen} />
            <Logs context={context} job={chosen} mayRead={context.allowed.logs === true} />
          </section>
        )}
      </div>
    </aside>
  )
}
