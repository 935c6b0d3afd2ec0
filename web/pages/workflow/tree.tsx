/** The tree: cycles, families, tasks, jobs. Rows keep their place; only those near the screen exist. */
import { useComputed, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { cycleLabel } from '../../model/order.ts'
import {
  type GroupLine,
  type JobLine,
  type TaskLine,
  type TreeLine,
  taskKey,
  treeLines,
} from '../../model/tree.ts'
import { ActionMenu } from '../../parts/action-menu.tsx'
import { CountList, Marks } from '../../parts/counts.tsx'
import { Icon } from '../../parts/glyph.tsx'
import { JobGlyph } from '../../parts/job.tsx'
import { Outcome } from '../../parts/outcome.tsx'
import { Blank } from '../../parts/states.tsx'
import { Began, StateGlyph, StateText, Took } from '../../parts/task-cells.tsx'
import { Elapsed, Time } from '../../parts/time.tsx'
import { useWindow } from '../../parts/window.ts'
import { navigate, query } from '../../router.ts'
import { pathOf } from '../../routes.ts'
import { instanceFilter, type WorkflowContext } from './context.ts'

const rowHeight = 32

type RowProps<L> = {
  readonly line: L
  readonly context: WorkflowContext
  readonly selected: string | undefined
  readonly focusable: boolean
  readonly onToggle: (line: TreeLine) => void
}

const Twisty = ({ open, onToggle, label }: { open: boolean; onToggle: () => void; label: string }) => (
  <button
    type="button"
    class={open ? 'twisty open' : 'twisty'}
    tabIndex={-1}
    aria-label={`${open ? 'Close' : 'Open'} ${label}`}
    onClick={(event: MouseEvent) => {
      event.stopPropagation()
      onToggle()
    }}
  >
    <Icon name="open" />
  </button>
)

const indent = (level: number) => ({ '--depth': String(level - 1) })

const GroupRow = ({ line, focusable, onToggle }: RowProps<GroupLine>) => {
  const done = line.counts.succeeded
  const name = line.kind === 'cycle' ? cycleLabel(line.name) : line.name
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree takes the keys for all its rows.
    <div
      class={`row group ${line.kind}`}
      role="row"
      aria-level={line.level}
      aria-expanded={line.open}
      aria-label={`${line.kind} ${line.name}`}
      data-id={line.id}
      tabIndex={focusable ? 0 : -1}
      onClick={() => onToggle(line)}
    >
      <span role="gridcell" class="cell-name" style={indent(line.level)}>
        <Twisty open={line.open} onToggle={() => onToggle(line)} label={name} />
        <span class={line.kind === 'cycle' ? 'figure group-name' : 'group-name'}>{name}</span>
        <span class="group-done figure" title={`${done} of ${line.total} succeeded`}>
          {done}/{line.total}
        </span>
      </span>
      <span role="gridcell" class="cell-rest">
        <CountList counts={{ ...line.counts, succeeded: 0 }} />
        <Marks counts={line.counts} />
      </span>
    </div>
  )
}

const taskPath = (context: WorkflowContext, cycle: string, task: string): string => {
  const path = pathOf('task', { account: context.account, workflow: context.workflow, cycle, task })
  const kept = new URLSearchParams()
  for (const key of ['q', 'state']) {
    const value = query.peek().get(key)
    if (value !== null) kept.set(key, value)
  }
  return kept.size === 0 ? path : `${path}?${kept}`
}

const TaskRow = ({ line, context, selected, focusable, onToggle }: RowProps<TaskLine>) => {
  const { row, task } = line
  const target = { account: context.account, workflow: context.workflow, cycle: row.cycle, task: row.task }
  return (
    <div
      class={`row task ${selected === line.id ? 'selected' : ''}`}
      role="row"
      aria-level={line.level}
      aria-label={`${row.task} ${row.cycle}`}
      aria-selected={selected === line.id}
      {...(line.jobs > 0 ? { 'aria-expanded': line.open } : {})}
      data-id={line.id}
      data-state={row.state}
      tabIndex={focusable ? 0 : -1}
    >
      <span role="gridcell" class="cell-name" style={indent(line.level)}>
        {line.jobs > 0 ? (
          <Twisty open={line.open} onToggle={() => onToggle(line)} label={`jobs of ${row.task}`} />
        ) : (
          <span class="twisty" />
        )}
        <StateGlyph row={row} task={task} />
        <a
          class="task-name"
          tabIndex={-1}
          href={taskPath(context, row.cycle, row.task)}
          title={task?.title ?? undefined}
        >
          {row.task}
        </a>
      </span>
      <span role="gridcell" class="cell-state">
        <StateText row={row} />
        <Outcome target={target} />
      </span>
      <span role="gridcell" class="cell-submit figure" title="Number of the latest submission">
        {row.submit === 0 ? '' : `#${row.submit}`}
      </span>
      <span role="gridcell" class="cell-time figure">
        <Began row={row} />
      </span>
      <span role="gridcell" class="cell-took figure">
        <Took row={row} task={task} />
      </span>
      <span role="gridcell" class="cell-actions">
        <ActionMenu target={target} allowed={context.allowed} instance={row} />
      </span>
    </div>
  )
}

const JobRow = ({ line, context, focusable }: RowProps<JobLine>) => {
  const { row } = line
  const number = String(row.submit).padStart(2, '0')
  return (
    <div
      class="row job"
      role="row"
      aria-level={line.level}
      aria-label={`job ${number} of ${row.task} ${row.cycle}`}
      data-id={line.id}
      data-state={row.state}
      tabIndex={focusable ? 0 : -1}
    >
      <span role="gridcell" class="cell-name" style={indent(line.level)}>
        <span class="twisty" />
        <JobGlyph state={row.state} />
        <a
          class="task-name figure"
          tabIndex={-1}
          href={`${taskPath(context, row.cycle, row.task)}${query.value.size === 0 ? '?' : '&'}job=${row.submit}`}
        >
          job {number}
        </a>
      </span>
      <span role="gridcell" class="cell-state">
        <span class="state-word">{row.state}</span>
        {row.note !== null && (
          <small class="job-note" title={row.note}>
            {row.note}
          </small>
        )}
      </span>
      <span role="gridcell" class="cell-submit">
        {row.exit === null ? '' : `exit ${row.exit}`}
      </span>
      <span role="gridcell" class="cell-time figure">
        <Time at={row.startedAt ?? row.submittedAt} />
      </span>
      <span role="gridcell" class="cell-took figure">
        <Elapsed since={row.startedAt} until={row.state === 'running' ? null : row.finishedAt} />
      </span>
      <span role="gridcell" class="cell-actions" />
    </div>
  )
}

const Row = (props: RowProps<TreeLine>) => {
  switch (props.line.kind) {
    case 'task':
      return <TaskRow {...props} line={props.line} />
    case 'job':
      return <JobRow {...props} line={props.line} />
    default:
      return <GroupRow {...props} line={props.line} />
  }
}

const isOpen = (line: TreeLine) => line.kind !== 'job' && line.open

export const Tree = ({
  context,
  selected,
}: {
  readonly context: WorkflowContext
  readonly selected: string | undefined
}) => {
  const opened = useSignal<ReadonlyMap<string, boolean>>(new Map())
  /** Cycles and families that nobody opened or closed by themselves. */
  const groups = useSignal<'as seen' | 'open' | 'closed'>('as seen')
  const focused = useSignal<string | undefined>(undefined)
  const { live } = context
  // What is settled when it is first seen begins closed, and then stays as it is: nothing closes under the eyes.
  const firstSight = useRef(new Map<string, boolean>())
  const holdsSelected = (id: string) => {
    if (selected === undefined || !id.startsWith('cycle:')) return false
    const [cycle = '', task = ''] = selected.slice('task:'.length).split('/')
    const families =
      live.tables.peek().task.get(taskKey({ workflow: context.workflow, task }))?.families ?? []
    return `cycle:${[cycle, ...families].join('/')}/`.startsWith(`${id}/`)
  }
  const isShown = (id: string, settled: boolean): boolean => {
    const own = opened.value.get(id)
    if (own !== undefined || id.startsWith('task:')) return own ?? false
    if (groups.value !== 'as seen') return groups.value === 'open' || !id.includes('/')
    const chosen = firstSight.current.get(id)
    if (chosen !== undefined) return chosen
    const open = !settled || holdsSelected(id)
    firstSight.current.set(id, open)
    return open
  }
  const lines = useComputed(() => {
    const { instance, task, job } = live.tables.read()
    const filter = instanceFilter(live)
    return treeLines({
      instances: instance.values(),
      tasks: task,
      jobs: job.values(),
      open: isShown,
      ...filter,
    })
  })
  const all = lines.value
  const { ref, windowing } = useWindow(all.length, rowHeight)

  const toggle = (line: TreeLine) => {
    if (line.kind === 'job') return
    opened.value = new Map(opened.peek()).set(line.id, !line.open)
    focused.value = line.id
  }
  const setAll = (how: 'open' | 'closed') => {
    opened.value = new Map()
    groups.value = how
  }
  const focusLine = (index: number) => {
    const line = lines.peek()[Math.max(0, Math.min(index, lines.peek().length - 1))]
    if (line === undefined) return
    focused.value = line.id
    const top = (ref.current?.getBoundingClientRect().top ?? 0) + lines.peek().indexOf(line) * rowHeight
    if (top < 140) scrollBy(0, top - 180)
    else if (top > innerHeight - 80) scrollBy(0, top - innerHeight + 120)
    requestAnimationFrame(() => {
      const row = ref.current?.querySelector(`[data-id="${CSS.escape(line.id)}"]`)
      if (row instanceof HTMLElement) row.focus({ preventScroll: true })
    })
  }
  const keys = (event: KeyboardEvent) => {
    if (!(event.target instanceof HTMLElement)) return
    const id = event.target.closest<HTMLElement>('[role=row]')?.dataset.id
    const index = all.findIndex((line) => line.id === id)
    const line = all[index]
    if (line === undefined || event.target.closest('[popover]') !== null) return
    const onRow = event.target.getAttribute('role') === 'row'
    const run = {
      ArrowDown: () => focusLine(index + 1),
      ArrowUp: () => focusLine(index - 1),
      Home: () => focusLine(0),
      End: () => focusLine(all.length - 1),
      ArrowRight: () => (isOpen(line) ? focusLine(index + 1) : toggle(line)),
      ArrowLeft: () =>
        isOpen(line)
          ? toggle(line)
          : focusLine(all.findLastIndex((other, at) => at < index && other.level < line.level)),
      Enter: () => {
        if (!onRow) return false
        if (line.kind === 'task') navigate(taskPath(context, line.row.cycle, line.row.task))
        else if (line.kind !== 'job') toggle(line)
        return true
      },
      m: () =>
        event.target instanceof HTMLElement &&
        event.target.querySelector<HTMLElement>('[aria-haspopup=menu]')?.click(),
    }[event.key]
    if (run === undefined || run() === false) return
    event.preventDefault()
  }

  // Opened by its address: the row of the task is brought into sight once, when it is there.
  const wanted = selected !== undefined && all.some((line) => line.id === selected)
  useEffect(() => {
    if (!wanted) return
    const index = lines.peek().findIndex((line) => line.id === selected)
    const top = (ref.current?.getBoundingClientRect().top ?? 0) + index * rowHeight
    if (top < 120 || top > innerHeight - 60) scrollBy(0, top - innerHeight / 2)
  }, [selected, wanted])

  if (live.tables.loaded.value && all.length === 0) {
    return instanceFilter(live).filtering ? (
      <Blank title="No task matches the filter" />
    ) : (
      <Blank title="No active tasks">
        <p>Past jobs are under History.</p>
      </Blank>
    )
  }
  const focusId = all.some((line) => line.id === focused.value) ? focused.value : all[0]?.id
  return (
    <div
      class="grid tree"
      role="treegrid"
      aria-label={`Tasks of ${context.workflow}`}
      aria-rowcount={all.length}
      onKeyDown={keys}
    >
      <div class="grid-head" role="row">
        <span role="columnheader" class="cell-name">
          Task
          <span class="tree-tools">
            <button type="button" class="link" onClick={() => setAll('open')}>
              open all
            </button>
            <button type="button" class="link" onClick={() => setAll('closed')}>
              close families
            </button>
          </span>
        </span>
        <span role="columnheader" class="cell-state">
          State
        </span>
        <span role="columnheader" class="cell-submit">
          Job
        </span>
        <span role="columnheader" class="cell-time">
          Started
        </span>
        <span role="columnheader" class="cell-took">
          Took
        </span>
        <span role="columnheader" class="cell-actions">
          <span class="sr">Actions</span>
        </span>
      </div>
      <div ref={ref} role="rowgroup">
        <div style={{ height: windowing.before }} />
        {all.slice(windowing.first, windowing.last).map((line) => (
          <Row
            key={line.id}
            line={line}
            context={context}
            selected={selected}
            focusable={line.id === focusId}
            onToggle={toggle}
          />
        ))}
        <div style={{ height: windowing.after }} />
      </div>
    </div>
  )
}
