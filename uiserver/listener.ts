/** What one socket is shown: all rows of one workflow, or the workflow rows of the account; only what may be viewed. */
import { hash } from 'node:crypto'
import type { Frame } from '../protocol/frames.ts'
import type { Viewer } from './exchange.ts'
import type { Change, Drop, Model, Put } from './model.ts'
import type { Sight } from './permissions.ts'

export type Wanted = {
  readonly workflow: string | undefined
  readonly since: number | undefined
  readonly epoch: string | undefined
}

export type Listener = {
  readonly workflow: string | undefined
  readonly viewer: Viewer
  readonly sees: Sight
  /** The last number that the reader knows of; undefined before the first frame. */
  readonly seq: number | undefined
}

type Item = Put | Drop
export type Merged = { readonly seq: number; readonly items: readonly Item[] }

/** Several changes as one: of each row the last that was said. */
export const mergeChanges = (changes: readonly Change[]): Merged | undefined => {
  const last = changes.at(-1)
  if (last === undefined) return undefined
  const items = new Map<string, Item>()
  for (const { put, drop } of changes) {
    for (const item of drop) items.set(`${item.kind} ${item.key}`, item)
    for (const item of put) items.set(`${item.kind} ${item.key}`, item)
  }
  return { seq: last.seq, items: [...items.values()] }
}

const isShown = (listener: Pick<Listener, 'workflow' | 'sees'>, { kind, workflow }: Item): boolean => {
  if (workflow === undefined || !listener.sees(workflow)) return false
  return listener.workflow === undefined ? kind === 'workflow' : listener.workflow === workflow
}

const isPut = (item: Item): item is Put => 'row' in item
const presentPut = ({ kind, key, row }: Put) => ({ kind, key, row })
const presentDrop = ({ kind, key }: Item) => ({ kind, key })

export const deltaFrame = (from: number, seq: number, items: readonly Item[]): Frame => ({
  type: 'delta',
  from,
  seq,
  put: items.filter(isPut).map(presentPut),
  drop: items.filter((item) => !isPut(item)).map(presentDrop),
})

export const shownOf = (listener: Listener, merged: Merged): readonly Item[] =>
  merged.items.filter((item) => isShown(listener, item))

/** Listeners with the same signature are shown the same of this change. */
export const signatureOf = ({ workflow, sees }: Listener, changed: ReadonlySet<string>): string =>
  workflow === undefined
    ? `all ${[...changed].filter(sees)}`
    : `${sees(workflow) ? 'one' : 'none'} ${workflow}`

/** Workflows that a listener of this kind could be shown. */
const candidates = (model: Model, workflow: string | undefined): readonly string[] =>
  workflow === undefined ? [...model.workflows()].map((row) => row.workflow) : [workflow]

/** All rows of a workflow, as far as this kind of listener is shown them. */
const rowsOf = (model: Model, workflow: string, listener: Pick<Listener, 'workflow'>): readonly Put[] => {
  if (listener.workflow !== undefined) return model.puts(workflow)
  const row = model.get('workflow', workflow)
  return row === undefined ? [] : [{ kind: 'workflow', key: workflow, row, workflow }]
}

export const resetFrame = (model: Model, listener: Listener): Frame => ({
  type: 'reset',
  seq: model.seq(),
  put: candidates(model, listener.workflow)
    .filter(listener.sees)
    .flatMap((workflow) => rowsOf(model, workflow, listener))
    .map(presentPut),
})

/** What the reader must forget and learn because somebody changed what it may view. */
export const sightChange = (
  model: Model,
  listener: Pick<Listener, 'workflow'>,
  before: Sight,
  after: Sight,
): readonly Item[] =>
  candidates(model, listener.workflow).flatMap((workflow): readonly Item[] => {
    if (before(workflow) === after(workflow)) return []
    const rows = rowsOf(model, workflow, listener)
    return after(workflow) ? rows : rows.map(({ kind, key }) => ({ kind, key, workflow }))
  })

/**
 * The feed's numbering and what may be viewed under it: a reader that was away while its rights changed must not go on
 * with rows that it may no longer see.
 */
export const epochOf = (model: Model, { workflow, sees }: Listener): string => {
  const visible = candidates(model, workflow)
    // What is not there looks like what is hidden.
    .filter((name) => model.get('workflow', name) !== undefined && sees(name))
    .sort()
    .join('\n')
  return `${model.epoch()}.${hash('sha256', visible).slice(0, 16)}`
}
