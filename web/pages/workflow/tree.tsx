/** The tree: cycles, families, tasks, jobs. Rows keep their place; only those near the screen exist. */
import { useComputed, useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { familiesOf, type TreeLine, taskKey, treeLines } from '../../model/tree.ts'
import { Blank } from '../../parts/states.tsx'
import { useWindow } from '../../parts/window.ts'
import { navigate } from '../../router.ts'
import { instanceFilter, type WorkflowContext } from './context.ts'
import { jobPath, Row, taskPath } from './tree-row.tsx'

const rowHeight = 32

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
    const families = familiesOf(live.tables.peek().task.get(taskKey({ workflow: context.workflow, task })))
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
  /** The row that gets the focus as soon as it exists: one far away is only drawn when it was scrolled to. */
  const toFocus = useRef<string | undefined>(undefined)
  const giveFocus = () => {
    if (toFocus.current === undefined) return
    const row = ref.current?.querySelector(`[data-id="${CSS.escape(toFocus.current)}"]`)
    if (!(row instanceof HTMLElement)) return
    toFocus.current = undefined
    row.focus({ preventScroll: true })
  }
  useLayoutEffect(giveFocus)
  const focusLine = (index: number) => {
    const line = lines.peek()[Math.max(0, Math.min(index, lines.peek().length - 1))]
    if (line === undefined) return
    focused.value = line.id
    const top = (ref.current?.getBoundingClientRect().top ?? 0) + lines.peek().indexOf(line) * rowHeight
    if (top < 140) scrollBy(0, top - 180)
    else if (top > innerHeight - 80) scrollBy(0, top - innerHeight + 120)
    toFocus.current = line.id
    giveFocus()
  }
  const keys = (event: KeyboardEvent) => {
    if (!(event.target instanceof HTMLElement)) return
    // With a modifier it is the browser's, or a screen reader's.
    if (event.ctrlKey || event.altKey || event.metaKey) return
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
        else if (line.kind === 'job') navigate(jobPath(context, line.row))
        else toggle(line)
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

  // Closed again: back to the row that it was opened from, unless somebody went elsewhere meanwhile.
  const before = useRef(selected)
  useLayoutEffect(() => {
    const was = before.current
    before.current = selected
    if (was === undefined || selected !== undefined || document.activeElement !== document.body) return
    const job = `${was.replace(/^task:/, 'job:')}/`
    const from = focused.peek()?.startsWith(job) === true ? focused.peek() : was
    const index = lines.peek().findIndex((line) => line.id === from)
    if (index >= 0) focusLine(index)
  }, [selected])

  if (live.tables.loaded.value && all.length === 0) {
    return instanceFilter(live).filtering ? (
      <Blank title="No task matches the filter" />
    ) : (
      <Blank title="No active tasks">
        <p>Past jobs are under History.</p>
      </Blank>
    )
  }
  const drawn = all.slice(windowing.first, windowing.last)
  const focusId = drawn.some((line) => line.id === focused.value) ? focused.value : drawn[0]?.id
  return (
    <div
      class="grid tree"
      role="treegrid"
      aria-label={`Tasks of ${context.workflow}`}
      aria-rowcount={all.length + 1}
      onKeyDown={keys}
    >
      <div class="grid-head" role="row" aria-rowindex={1}>
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
        <div role="presentation" style={{ height: windowing.before }} />
        {drawn.map((line, index) => (
          <Row
            key={line.id}
            line={line}
            rowIndex={windowing.first + index + 2}
            context={context}
            selected={selected}
            focusable={line.id === focusId}
            onToggle={toggle}
          />
        ))}
        <div role="presentation" style={{ height: windowing.after }} />
      </div>
    </div>
  )
}
