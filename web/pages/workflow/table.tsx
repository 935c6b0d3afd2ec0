/** The same tasks as one flat table: sorted, filtered, and still where they were while somebody reads. */
import { useComputed } from '@preact/signals'
import type { InstanceRow, TaskRow } from '../../../protocol/rows.ts'
import { instanceRank } from '../../model/attention.ts'
import { byCycle, byName, cycleLabel, cycleTime } from '../../model/order.ts'
import { taskKey } from '../../model/tree.ts'
import { ActionMenu } from '../../parts/action-menu.tsx'
import { Outcome } from '../../parts/outcome.tsx'
import { Blank } from '../../parts/states.tsx'
import { useSteady } from '../../parts/steady.ts'
import { StateGlyph, StateText, spokenInstance, Took } from '../../parts/task-cells.tsx'
import { Time } from '../../parts/time.tsx'
import { useWindow } from '../../parts/window.ts'
import { query, setQuery } from '../../router.ts'
import { pathOf } from '../../routes.ts'
import { instanceFilter, type WorkflowContext } from './context.ts'

const rowHeight = 32

const columns = {
  attention: {
    label: 'State',
    class: 'cell-state',
    compare: (a: InstanceRow, b: InstanceRow) => instanceRank(a) - instanceRank(b),
  },
  task: {
    label: 'Task',
    class: 'cell-name',
    compare: (a: InstanceRow, b: InstanceRow) => byName(a.task, b.task),
  },
  cycle: {
    label: 'Cycle',
    class: 'cell-cycle',
    compare: (a: InstanceRow, b: InstanceRow) => byCycle(a.cycle, b.cycle),
  },
  submit: {
    label: 'Jobs',
    class: 'cell-submit',
    compare: (a: InstanceRow, b: InstanceRow) => a.submit - b.submit,
  },
  started: {
    label: 'Started',
    class: 'cell-time',
    compare: (a: InstanceRow, b: InstanceRow) => (a.startedAt ?? 0) - (b.startedAt ?? 0),
  },
  finished: {
    label: 'Finished',
    class: 'cell-time',
    compare: (a: InstanceRow, b: InstanceRow) => (a.finishedAt ?? 0) - (b.finishedAt ?? 0),
  },
} as const
type Column = keyof typeof columns
const shown: readonly Column[] = ['task', 'cycle', 'attention', 'submit', 'started', 'finished']

const sorting = (): { column: Column; down: boolean } => {
  const asked = query.value.get('sort') ?? 'attention'
  const down = asked.startsWith('-')
  const column = (Object.keys(columns) as Column[]).find((name) => name === asked.replace('-', ''))
  return { column: column ?? 'attention', down }
}

const Head = () => {
  const { column, down } = sorting()
  return (
    <div class="grid-head" role="row" aria-rowindex={1}>
      {shown.map((name) => (
        <span
          key={name}
          role="columnheader"
          class={columns[name].class}
          aria-sort={name !== column ? 'none' : down ? 'descending' : 'ascending'}
        >
          <button
            type="button"
            class="sort"
            onClick={() => setQuery({ sort: name === column && !down ? `-${name}` : name })}
          >
            {columns[name].label}
            <span aria-hidden="true">{name === column ? (down ? ' ▾' : ' ▴') : ''}</span>
          </button>
        </span>
      ))}
      <span role="columnheader" class="cell-took">
        Took
      </span>
      <span role="columnheader" class="cell-actions">
        <span class="sr">Actions</span>
      </span>
    </div>
  )
}

type LineProps = {
  readonly rowIndex: number
  readonly row: InstanceRow
  readonly task: TaskRow | undefined
  readonly context: WorkflowContext
}

const Line = ({ rowIndex, row, task, context }: LineProps) => {
  const target = { account: context.account, workflow: context.workflow, cycle: row.cycle, task: row.task }
  return (
    <div
      class="row task"
      role="row"
      aria-rowindex={rowIndex}
      aria-label={spokenInstance(row)}
      data-state={row.state}
    >
      <span role="cell" class="cell-name">
        <StateGlyph row={row} task={task} />
        <a class="task-name" href={pathOf('task', target)}>
          {row.task}
        </a>
        <small class="narrow-cycle figure" title={row.cycle}>
          {cycleTime(row.cycle)}
        </small>
      </span>
      <span role="cell" class="cell-cycle figure">
        {cycleLabel(row.cycle)}
      </span>
      <span role="cell" class="cell-state">
        <StateText row={row} />
        <Outcome target={target} />
      </span>
      <span role="cell" class="cell-submit figure">
        {row.submit === 0 ? '' : row.submit}
      </span>
      <span role="cell" class="cell-time figure">
        <Time at={row.startedAt} />
      </span>
      <span role="cell" class="cell-time figure">
        <Time at={row.finishedAt} />
      </span>
      <span role="cell" class="cell-took figure">
        <Took row={row} task={task} />
      </span>
      <span role="cell" class="cell-actions">
        <ActionMenu target={target} allowed={context.allowed} instance={row} />
      </span>
    </div>
  )
}

const keyOf = (row: InstanceRow) => `${row.cycle}/${row.task}`

export const Table = ({ context }: { readonly context: WorkflowContext }) => {
  const { live } = context
  const sorted = useComputed(() => {
    const { matches } = instanceFilter(live)
    const { column, down } = sorting()
    const { compare } = columns[column]
    const rows = [...live.tables.read().instance.values()].filter(matches)
    return rows.sort(
      (a, b) => (down ? -1 : 1) * compare(a, b) || byCycle(a.cycle, b.cycle) || byName(a.task, b.task),
    )
  })
  const steady = useSteady(sorted.value, keyOf, query.value.toString())
  const { ref, windowing } = useWindow(steady.items.length, rowHeight)
  const { task } = live.tables.read()
  if (live.tables.loaded.value && steady.items.length === 0) return <Blank title="No task matches" />
  return (
    <div
      class="grid table"
      role="table"
      aria-label={`Tasks of ${context.workflow}`}
      aria-rowcount={steady.items.length + 1}
      {...steady.handlers}
    >
      <Head />
      <div ref={ref} role="rowgroup">
        <div role="presentation" style={{ height: windowing.before }} />
        {steady.items.slice(windowing.first, windowing.last).map((row, index) => (
          <Line
            key={keyOf(row)}
            rowIndex={windowing.first + index + 2}
            row={row}
            task={task.get(taskKey(row))}
            context={context}
          />
        ))}
        <div role="presentation" style={{ height: windowing.after }} />
      </div>
    </div>
  )
}
