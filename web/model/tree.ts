/** The tree of a workflow as the list of lines that are open: cycles, families, tasks, jobs. */
import type { Counts, InstanceRow, JobRow, TaskRow } from '../../protocol/rows.ts'
import { countInstances } from './attention.ts'
import { byCycle, byName } from './order.ts'

type Line = { readonly id: string; readonly level: number }
export type GroupLine = Line & {
  readonly kind: 'cycle' | 'family'
  readonly cycle: string
  readonly name: string
  readonly open: boolean
  readonly counts: Counts
  readonly total: number
}
export type TaskLine = Line & {
  readonly kind: 'task'
  readonly row: InstanceRow
  readonly task: TaskRow | undefined
  readonly open: boolean
  readonly jobs: number
}
export type JobLine = Line & { readonly kind: 'job'; readonly row: JobRow }
export type TreeLine = GroupLine | TaskLine | JobLine

export type TreeInput = {
  readonly instances: Iterable<InstanceRow>
  readonly tasks: ReadonlyMap<string, TaskRow>
  readonly jobs: Iterable<JobRow>
  /** Whether a line is open; `settled`: everything in it has succeeded. Of tasks, whether their jobs are shown. */
  readonly open: (id: string, settled: boolean) => boolean
  readonly matches: (row: InstanceRow) => boolean
  /** While a filter is on, every group that holds a match is open. */
  readonly filtering: boolean
}

type Group = { readonly families: Map<string, Group>; readonly tasks: InstanceRow[] }
const newGroup = (): Group => ({ families: new Map(), tasks: [] })

const within = (group: Group): InstanceRow[] => [
  ...group.tasks,
  ...[...group.families.values()].flatMap((family) => within(family)),
]

const group = (map: Map<string, Group>, key: string): Group => {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = newGroup()
  map.set(key, made)
  return made
}

export const taskKey = (row: { readonly workflow: string; readonly task: string }) =>
  `${row.workflow}//${row.task}`
const lineOf = (row: { readonly cycle: string; readonly task: string }) => `${row.cycle}/${row.task}`

/** `root` holds every task and is nothing to see. */
export const familiesOf = (task: TaskRow | undefined): readonly string[] =>
  (task?.families ?? []).filter((family) => family !== 'root')

const arrange = (input: TreeInput): Map<string, Group> => {
  const cycles = new Map<string, Group>()
  for (const row of input.instances) {
    if (!input.matches(row)) continue
    let place = group(cycles, row.cycle)
    for (const family of familiesOf(input.tasks.get(taskKey(row)))) {
      place = group(place.families, family)
    }
    place.tasks.push(row)
  }
  return cycles
}

const jobsByTask = (jobs: Iterable<JobRow>): Map<string, JobRow[]> => {
  const found = new Map<string, JobRow[]>()
  for (const job of jobs) {
    const list = found.get(lineOf(job))
    if (list === undefined) found.set(lineOf(job), [job])
    else list.push(job)
  }
  for (const list of found.values()) list.sort((a, b) => b.submit - a.submit)
  return found
}

/** All open lines, top to bottom. Cycles oldest first; families, then tasks, by name: places that do not change. */
export const treeLines = (input: TreeInput): TreeLine[] => {
  const lines: TreeLine[] = []
  const jobs = jobsByTask(input.jobs)

  const addGroup = (
    kind: GroupLine['kind'],
    id: string,
    cycle: string,
    name: string,
    held: Group,
    level: number,
  ) => {
    const all = within(held)
    const counts = countInstances(all)
    const open = input.filtering || input.open(id, counts.succeeded === all.length)
    lines.push({ kind, id, level, cycle, name, open, counts, total: all.length })
    if (!open) return
    for (const family of [...held.families.keys()].sort(byName)) {
      const inner = held.families.get(family)
      if (inner !== undefined) addGroup('family', `${id}/${family}`, cycle, family, inner, level + 1)
    }
    for (const row of held.tasks.sort((a, b) => byName(a.task, b.task))) addTask(row, level + 1)
  }
  const addTask = (row: InstanceRow, level: number) => {
    const id = `task:${lineOf(row)}`
    const own = jobs.get(lineOf(row)) ?? []
    const open = own.length > 0 && input.open(id, true)
    const task = input.tasks.get(taskKey(row))
    lines.push({ kind: 'task', id, level, row, task, open, jobs: own.length })
    if (!open) return
    for (const job of own) {
      lines.push({ kind: 'job', id: `job:${lineOf(job)}/${job.submit}`, level: level + 1, row: job })
    }
  }

  const cycles = arrange(input)
  for (const cycle of [...cycles.keys()].sort(byCycle)) {
    const held = cycles.get(cycle)
    if (held !== undefined) addGroup('cycle', `cycle:${cycle}`, cycle, cycle, held, 1)
  }
  return lines
}
