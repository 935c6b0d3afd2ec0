/** The daemon's state as a JSON value and back: what the journal's snapshot holds. */
import { SeneschalError } from '../protocol/errors.ts'
import type { AccountRow, RequestRow } from '../protocol/rows.ts'
import { restoreStandstill, type StoredStandstill, storeStandstill } from './control/standstill.ts'
import type { Accepted } from './events.ts'
import { createGrantedAnswers, type StoredBlock } from './granted-answers.ts'
import { createLayerVersions, type LayerVersions, restoreVersions, storeVersions } from './layer-versions.ts'
import type { LocksOf } from './locks.ts'
import { addRun, restoreRun, type StoredRun, storeRun } from './plugins/runs.ts'
import { type Answer, addGrantedAnswer, addOwnAnswer, requestKey } from './requests.ts'
import { createDaemonState, type DaemonState, everyWorkflow, tryDefinition } from './state.ts'
import { restoreWorkflow, type StoredWorkflow, storeWorkflow } from './workflow-store.ts'

const formatVersion = 2

/** Where each feed was when the state was stored: one that is behind it lost lines with the machine. */
export type FeedPlaces = Readonly<Record<string, { readonly epoch: string; readonly seq: number }>>

export type StoredState = {
  readonly v: number
  readonly feeds: FeedPlaces
  readonly audited: number
  /** Absent in what an earlier version stored. */
  readonly refused?: readonly string[]
  readonly permissions: DaemonState['permissions']
  readonly accounts: readonly AccountRow[]
  readonly workflows: readonly StoredWorkflow[]
  readonly waiting: readonly { readonly request: Accepted; readonly at: number }[]
  readonly granted: readonly StoredBlock[]
  readonly own: readonly Answer[]
  readonly names: readonly (readonly [string, number])[]
  readonly shown: readonly RequestRow[]
  readonly shownAtSite: readonly RequestRow[]
  /** Absent in what an earlier version stored. */
  readonly runs?: readonly StoredRun[]
  readonly standstill?: StoredStandstill
  readonly locks?: readonly (readonly [string | null, LocksOf])[]
  readonly grantsFrom?: number
  readonly layers?: readonly (readonly [string, LayerVersions])[]
}

/** Version 1: granted requests were stored like all others, their names with all others'. */
type FormerState = Omit<StoredState, 'granted'> & { readonly v: 1; readonly granted: readonly Answer[] }
const isFormer = (stored: StoredState | FormerState): stored is FormerState => stored.v === 1

export const storeState = (state: DaemonState, feeds: FeedPlaces): StoredState => ({
  v: formatVersion,
  feeds,
  audited: state.audited,
  refused: [...state.refused],
  permissions: state.permissions,
  accounts: [...state.accounts.values()],
  workflows: [...everyWorkflow(state)].map(storeWorkflow),
  waiting: [...state.requests.waiting.values()],
  granted: state.requests.granted.store(),
  own: [...state.requests.own.values()].flatMap((answers) => [...answers.values()]),
  names: [...state.requests.names],
  shown: [...state.requests.shown.values()].flatMap((rows) => [...rows.values()]),
  shownAtSite: [...state.requests.shownAtSite.values()],
  runs: [...state.runs.byRequest.values()].map(storeRun),
  standstill: storeStandstill(state.standstill),
  locks: [...state.locks],
  grantsFrom: state.grantsFrom,
  layers: [...state.layers].map(([account, versions]) => [account, storeVersions(versions)]),
})

/** Written by `storeState`, in a file that is the daemon's alone; only its version can be another. */
export const restoreState = (data: unknown): { readonly state: DaemonState; readonly feeds: FeedPlaces } => {
  const stored = data as StoredState | FormerState
  if (typeof data !== 'object' || data === null || typeof stored.v !== 'number')
    throw new SeneschalError('state.unreadable', 'The snapshot has no version.')
  if (stored.v > formatVersion)
    throw new SeneschalError('format.newer', `The snapshot has version ${stored.v}, not ${formatVersion}.`)
  const state = createDaemonState(isFormer(stored) ? undefined : createGrantedAnswers(stored.granted))
  state.audited = stored.audited
  for (const entry of stored.refused ?? []) state.refused.add(entry)
  state.permissions = stored.permissions
  state.grantsFrom = stored.grantsFrom ?? 0
  for (const [account, versions] of stored.layers ?? [])
    state.layers.set(account, restoreVersions(versions) ?? createLayerVersions())
  for (const [origin, locks] of stored.locks ?? []) state.locks.set(origin, locks)
  if (stored.standstill !== undefined) restoreStandstill(state.standstill, stored.standstill)
  for (const row of stored.accounts) state.accounts.set(row.account, row)
  for (const one of stored.workflows) {
    const read = one.text === null ? undefined : tryDefinition(one.text, one.account, one.workflow)
    const flow = restoreWorkflow(one, typeof read === 'string' ? undefined : read)
    if (typeof read === 'string') flow.problem = read
    const flows = state.workflows.get(one.account) ?? new Map()
    state.workflows.set(one.account, flows.set(one.workflow, flow))
  }
  const { requests } = state
  for (const entry of stored.waiting)
    requests.waiting.set(requestKey(entry.request.uid, entry.request.id), entry)
  for (const answer of stored.own) addOwnAnswer(requests, answer)
  for (const [id, uid] of stored.names) requests.names.set(id, uid)
  if (isFormer(stored)) for (const answer of stored.granted) addGrantedAnswer(requests, answer)
  for (const row of stored.shown) {
    const rows = requests.shown.get(row.account) ?? new Map<string, RequestRow>()
    requests.shown.set(row.account, rows.set(row.id, row))
  }
  for (const run of stored.runs ?? []) addRun(state.runs, restoreRun(run))
  for (const row of stored.shownAtSite) requests.shownAtSite.set(row.id, row)
  return { state, feeds: stored.feeds }
}
