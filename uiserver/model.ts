/** The account's rows as they are now, and the latest changes, so that a socket that was away can go on. */
import type { FeedLine, FeedSnapshot } from '../protocol/feed.ts'
import { instanceKey } from '../protocol/ids.ts'
import {
  accountKinds,
  type InstanceRow,
  type JobRow,
  type RequestRow,
  type TaskRow,
  type WorkflowRow,
} from '../protocol/rows.ts'

type Rows = {
  readonly workflow: WorkflowRow
  readonly task: TaskRow
  readonly instance: InstanceRow
  readonly job: JobRow
  readonly request: RequestRow
}
export type Kind = keyof Rows
type Row = Rows[Kind]

/** `workflow` is whose viewers may see it; undefined for requests about the account as a whole. */
export type Put = {
  readonly kind: Kind
  readonly key: string
  readonly row: Row
  readonly workflow: string | undefined
}
export type Drop = { readonly kind: Kind; readonly key: string; readonly workflow: string | undefined }
export type Change = { readonly seq: number; readonly put: readonly Put[]; readonly drop: readonly Drop[] }

export type Model = {
  /** Of the feed: other numbers, another epoch. Empty as long as this is not the picture of now. */
  readonly epoch: () => string
  readonly seq: () => number
  readonly get: <K extends Kind>(kind: K, key: string) => Rows[K] | undefined
  /** Rows of one kind of one workflow, or of all. */
  readonly rows: <K extends Kind>(kind: K, workflow?: string) => IterableIterator<Rows[K]>
  /** All rows of one workflow, as they would be put. */
  readonly puts: (workflow: string) => Put[]
  readonly workflows: () => IterableIterator<WorkflowRow>
  /** Changes after `seq`, gapless; undefined where they are not all kept. */
  readonly since: (seq: number) => readonly Change[] | undefined
  readonly onChange: (listener: (change: Change) => void) => void
  readonly onReset: (listener: () => void) => void
  /** A picture of some time ago, told to nobody before `settle`: what follows it brings it up to now. */
  readonly reset: (rows: FeedSnapshot['rows'], seq: number, epoch: string) => void
  readonly apply: (lines: readonly FeedLine[]) => void
  readonly settle: () => void
}

type Tables = { readonly [K in Kind]: Map<string, Rows[K]> }
type WorkflowTables = Omit<Tables, 'workflow'>

const kinds = Object.keys(accountKinds) as readonly Kind[]
const isKind = (kind: string): kind is Kind => Object.hasOwn(accountKinds, kind)

/** Rows in the kept changes, at most: enough for a socket that was away for a minute. */
const keptRows = 20_000

const instanceOf = (job: JobRow): string => instanceKey(job.workflow, job.cycle, job.task)

/** What the feed says, checked; what is not a row of ours is left out and told. */
const parsePut = (
  { kind, key, row }: FeedLine['put'][number],
  onBadRow: (kind: string, key: string, why: unknown) => void,
): Put | undefined => {
  if (!isKind(kind)) return undefined
  const parsed = accountKinds[kind].safeParse(row)
  if (parsed.success) return { kind, key, row: parsed.data, workflow: parsed.data.workflow ?? undefined }
  onBadRow(kind, key, parsed.error)
  return undefined
}

export const createModel = (settings: {
  readonly onBadRow: (kind: string, key: string, why: unknown) => void
}): Model => {
  let epoch = ''
  let comingEpoch = ''
  let seq = 0
  const all = new Map<string, WorkflowRow>()
  const byWorkflow = new Map<string, WorkflowTables>()
  /** Key → workflow, of requests; the other kinds' keys begin with it. */
  const requestOf = new Map<string, string | undefined>()
  const accountRequests = new Map<string, RequestRow>()
  const changeListeners: ((change: Change) => void)[] = []
  const resetListeners: (() => void)[] = []
  let kept: Change[] = []
  let keptSize = 0

  const tablesOf = (workflow: string): WorkflowTables => {
    let found = byWorkflow.get(workflow)
    if (found === undefined) {
      found = { task: new Map(), instance: new Map(), job: new Map(), request: new Map() }
      byWorkflow.set(workflow, found)
    }
    return found
  }
  const workflowOf = (kind: Kind, key: string): string | undefined => {
    if (kind === 'workflow') return key
    return kind === 'request' ? requestOf.get(key) : key.slice(0, key.indexOf('//'))
  }
  const tableOf = (kind: Kind, workflow: string | undefined): Map<string, Row> | undefined => {
    if (kind === 'workflow') return all
    if (workflow === undefined) return kind === 'request' ? accountRequests : undefined
    return tablesOf(workflow)[kind]
  }

  /** A job is shown as long as its instance is; history keeps it. */
  const isShown = (put: Put): boolean => {
    if (put.kind !== 'job') return true
    const job = put.row as JobRow
    return byWorkflow.get(job.workflow)?.instance.has(instanceOf(job)) === true
  }

  const set = (put: Put): boolean => {
    if (!isShown(put)) return false
    if (put.kind === 'request') requestOf.set(put.key, put.workflow)
    tableOf(put.kind, put.workflow)?.set(put.key, put.row)
    return true
  }

  const remove = (kind: Kind, key: string): Drop[] => {
    const workflow = workflowOf(kind, key)
    const dropped: Drop[] = []
    if (tableOf(kind, workflow)?.delete(key) === true) dropped.push({ kind, key, workflow })
    if (kind === 'request') requestOf.delete(key)
    if (kind === 'instance' && workflow !== undefined)
      for (const jobKey of tablesOf(workflow).job.keys())
        if (jobKey.startsWith(`${key}/`) && tablesOf(workflow).job.delete(jobKey))
          dropped.push({ kind: 'job', key: jobKey, workflow })
    return dropped
  }

  const keep = (change: Change): void => {
    kept.push(change)
    keptSize += change.put.length + change.drop.length + 1
    while (keptSize > keptRows) {
      const oldest = kept.shift()
      if (oldest === undefined) break
      keptSize -= oldest.put.length + oldest.drop.length + 1
    }
  }

  /** Instances before their jobs, whatever the order in the feed. */
  const instancesFirst = (puts: readonly Put[]): readonly Put[] => [
    ...puts.filter(({ kind }) => kind !== 'job'),
    ...puts.filter(({ kind }) => kind === 'job'),
  ]

  const parseAll = (rows: FeedLine['put']): readonly Put[] =>
    instancesFirst(rows.map((row) => parsePut(row, settings.onBadRow)).filter((put) => put !== undefined))

  return {
    epoch: () => epoch,
    seq: () => seq,
    get: <K extends Kind>(kind: K, key: string) =>
      tableOf(kind, workflowOf(kind, key))?.get(key) as Rows[K] | undefined,
    rows: function* <K extends Kind>(kind: K, workflow?: string) {
      if (kind === 'workflow') yield* all.values() as IterableIterator<Rows[K]>
      else
        for (const [name, tables] of byWorkflow)
          if (workflow === undefined || name === workflow)
            yield* tables[kind as Exclude<Kind, 'workflow'>].values() as IterableIterator<Rows[K]>
    },
    puts: (workflow) =>
      kinds.flatMap((kind) => {
        const rows = kind === 'workflow' ? only(all, workflow) : (byWorkflow.get(workflow)?.[kind] ?? [])
        return [...rows].map(([key, row]) => ({ kind, key, row, workflow }))
      }),
    workflows: () => all.values(),
    since: (wanted) => {
      if (wanted === seq) return []
      const first = kept[0]
      if (first === undefined || wanted > seq || wanted < first.seq - 1) return undefined
      return kept.slice(wanted - first.seq + 1)
    },
    onChange: (listener) => {
      changeListeners.push(listener)
    },
    onReset: (listener) => {
      resetListeners.push(listener)
    },
    reset: (rows, at, feedEpoch) => {
      for (const table of [all, byWorkflow, requestOf, accountRequests]) table.clear()
      kept = []
      keptSize = 0
      epoch = ''
      comingEpoch = feedEpoch
      seq = at
      for (const put of parseAll(rows)) set(put)
    },
    apply: (lines) => {
      for (const line of lines) {
        const drop = line.drop.flatMap(({ kind, key }) => (isKind(kind) ? remove(kind, key) : []))
        const change = { seq: line.seq, put: parseAll(line.put).filter(set), drop }
        seq = line.seq
        keep(change)
        if (epoch !== '') for (const listener of changeListeners) listener(change)
      }
    },
    settle: () => {
      if (epoch !== '') return
      epoch = comingEpoch
      for (const listener of resetListeners) listener()
    },
  }
}

const only = <V>(map: ReadonlyMap<string, V>, key: string): readonly (readonly [string, V])[] => {
  const value = map.get(key)
  return value === undefined ? [] : [[key, value]]
}
