/** One line of the tree: a cycle or family, a task, or a job. */
import type { JobRow as JobRowData } from '../../../protocol/rows.ts'
import { cycleLabel } from '../../model/order.ts'
import type { GroupLine, JobLine, TaskLine, TreeLine } from '../../model/tree.ts'
import { ActionMenu } from '../../parts/action-menu.tsx'
import { CountList, Marks } from '../../parts/counts.tsx'
import { Icon } from '../../parts/glyph.tsx'
import { JobGlyph } from '../../parts/job.tsx'
import { Outcome } from '../../parts/outcome.tsx'
import { Began, StateGlyph, StateText, spokenInstance, Took } from '../../parts/task-cells.tsx'
import { Elapsed, Time } from '../../parts/time.tsx'
import { pathOf } from '../../routes.ts'
import { keptQuery, type WorkflowContext } from './context.ts'

export type RowProps<L> = {
  readonly line: L
  /** Its place among all rows, the head being the first. */
  readonly rowIndex: number
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

/** A row that has the focus is read by its name alone, so that says what the cells show. */
const spokenCounts = ({ counts, total }: GroupLine): string => {
  const failed = counts.failed + counts['submit-failed']
  return `${counts.succeeded} of ${total} succeeded${failed === 0 ? '' : `, ${failed} failed`}`
}

const indent = (level: number) => ({ '--depth': String(level - 1) })

const GroupRow = ({ line, rowIndex, focusable, onToggle }: RowProps<GroupLine>) => {
  const done = line.counts.succeeded
  const name = line.kind === 'cycle' ? cycleLabel(line.name) : line.name
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree takes the keys for all its rows.
    <div
      class={`row group ${line.kind}`}
      role="row"
      aria-rowindex={rowIndex}
      aria-level={line.level}
      aria-expanded={line.open}
      aria-label={`${line.kind} ${line.name}, ${spokenCounts(line)}`}
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
/** The address of a task beside the tree as it is filtered now. */
export const taskPath = (context: WorkflowContext, cycle: string, task: string): string =>
  pathOf('task', { account: context.account, workflow: context.workflow, cycle, task }) + keptQuery()

const TaskRow = ({ line, rowIndex, context, selected, focusable, onToggle }: RowProps<TaskLine>) => {
  const { row, task } = line
  const target = { account: context.account, workflow: context.workflow, cycle: row.cycle, task: row.task }
  return (
    <div
      class={`row task ${selected === line.id ? 'selected' : ''}`}
      role="row"
      aria-rowindex={rowIndex}
      aria-level={line.level}
      aria-label={spokenInstance(row)}
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
        <ActionMenu target={target} allowed={context.allowed} instance={row} tabIndex={focusable ? 0 : -1} />
      </span>
    </div>
  )
}

/** The address of one job of a task, beside the tree. */
export const jobPath = (context: WorkflowContext, { cycle, task, submit }: JobRowData): string => {
  const path = taskPath(context, cycle, task)
  return `${path}${path.includes('?') ? '&' : '?'}job=${submit}`
}

const JobRow = ({ line, rowIndex, context, focusable }: RowProps<JobLine>) => {
  const { row } = line
  const number = String(row.submit).padStart(2, '0')
  return (
    <div
      class="row job"
      role="row"
      aria-rowindex={rowIndex}
      aria-level={line.level}
      aria-label={`job ${number} of ${row.task} ${row.cycle}, ${row.state}`}
      data-id={line.id}
      data-state={row.state}
      tabIndex={focusable ? 0 : -1}
    >
      <span role="gridcell" class="cell-name" style={indent(line.level)}>
        <span class="twisty" />
        <JobGlyph state={row.state} />
        <a class="task-name figure" tabIndex={-1} href={jobPath(context, row)}>
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

export const Row = (props: RowProps<TreeLine>) => {
  switch (props.line.kind) {
    case 'task':
      return <TaskRow {...props} line={props.line} />
    case 'job':
      return <JobRow {...props} line={props.line} />
    default:
      return <GroupRow {...props} line={props.line} />
  }
}
