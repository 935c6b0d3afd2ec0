/** All that the daemon knows, and what each event makes of it. Pure: the same events give the same state and rows. */
import type { Effect } from '../engine/types.ts'
import type { AuditEntry } from '../protocol/audit.ts'
import { SeneschalError } from '../protocol/errors.ts'
import type { AccountPut, AccountRow, Drop, JobRow, SitePut } from '../protocol/rows.ts'
import { auditOf } from './audit-entries.ts'
import {
  applyChange,
  createStandstill,
  restsOf,
  type Standstill,
  type StandstillChange,
} from './control/standstill.ts'
import { type Definition, definitionFile, readDefinition } from './definition.ts'
import type { DaemonEvent, EventKind, EventOf } from './events.ts'
import type { GrantedAnswers } from './granted-answers.ts'
import {
  createLayerVersions,
  droppedVersions,
  type LayerVersions,
  placeOf,
  takeVersion,
  toldVersions,
  versionOf,
} from './layer-versions.ts'
import type { LocksOf } from './locks.ts'
import {
  addRun,
  applyJob,
  beginRun,
  createRuns,
  endLeaf,
  keyOfRun,
  planRun,
  type Run,
  type Runs,
  removeRun,
  runOfJob,
  stopRun,
} from './plugins/runs.ts'
import { quarantine } from './quarantine.ts'
import {
  createRequests,
  ownerOfName,
  presentRequest,
  type Requests,
  remember,
  requestKey,
  showAtAccount,
  showAtSite,
} from './requests.ts'
import {
  allRows,
  applyDefinition,
  applyEngine,
  applyLayer,
  applyProblem,
  createWorkflow,
  type Workflow,
  type WorkflowChange,
} from './workflow.ts'
import { keyOfJob } from './workflow-jobs.ts'

export type DaemonState = {
  /** Audit records that the events so far have given, those before the journal included. */
  audited: number
  /** Entries that were refused and told of, the latest last. */
  readonly refused: Set<string>
  permissions: { readonly version: number; readonly digest: string }
  readonly accounts: Map<string, AccountRow>
  /** Of the accounts' own permissions. */
  readonly layers: Map<string, LayerVersions>
  /** Account → workflow → state. */
  readonly workflows: Map<string, Map<string, Workflow>>
  readonly requests: Requests
  readonly runs: Runs
  readonly standstill: Standstill
  /** By origin: the issuer of a hub, or null for whoever runs the daemon. */
  readonly locks: Map<string | null, LocksOf>
  /** Grants of before do not count: the state came out of a backup then. 0 = all do. Epoch, ms. */
  grantsFrom: number
}

export const createDaemonState = (granted?: GrantedAnswers): DaemonState => ({
  audited: 0,
  refused: new Set(),
  permissions: { version: 0, digest: '' },
  accounts: new Map(),
  layers: new Map(),
  workflows: new Map(),
  requests: createRequests(granted),
  runs: createRuns(),
  standstill: createStandstill(),
  locks: new Map(),
  grantsFrom: 0,
})

export const findWorkflow = (state: DaemonState, account: string, workflow: string): Workflow | undefined =>
  state.workflows.get(account)?.get(workflow)

export function* everyWorkflow(state: DaemonState): Generator<Workflow> {
  for (const flows of state.workflows.values()) yield* flows.values()
}

export type OwedEffect = { readonly account: string; readonly workflow: string; readonly effect: Effect }

/** What follows from one event. */
export type Consequences = {
  readonly account: string | undefined
  readonly put: readonly AccountPut[]
  readonly drop: readonly Drop[]
  readonly site: { readonly put: readonly SitePut[]; readonly drop: readonly Drop[] }
  readonly audit: AuditEntry | undefined
  readonly effects: readonly OwedEffect[]
  /** Whose line on the wall is another one now. */
  readonly touched: Workflow | undefined
  /** The plugin run that is to be looked at, by its request's key. */
  readonly run: string | undefined
  /** What the event could not be applied for: of it stands only what was done until then. */
  readonly fault?: unknown
}

const nothing: Consequences = {
  account: undefined,
  put: [],
  drop: [],
  site: { put: [], drop: [] },
  audit: undefined,
  effects: [],
  touched: undefined,
  run: undefined,
}

/** What the outside adds: nothing that decides anything. */
export type Surroundings = {
  /** The host as people know it. */
  readonly hostOf: (account: string) => string | null
}

type Appliers = {
  readonly [K in EventKind]: (state: DaemonState, event: EventOf<K>, around: Surroundings) => Consequences
}

const ofWorkflow = (flow: Workflow, change: WorkflowChange): Consequences => ({
  ...nothing,
  account: flow.account,
  put: change.put,
  drop: change.drop,
  effects: change.effects.map((effect) => ({ account: flow.account, workflow: flow.workflow, effect })),
  touched: flow,
})

/** Rows that say which versions of its permissions came and went. */
const ofLayers = (flow: Workflow, before: number, change: WorkflowChange): Consequences => ({
  ...ofWorkflow(flow, change),
  site: toldVersions(placeOf(flow), flow.versions, before, change.forgotten ?? []),
})

const mustFind = (state: DaemonState, account: string, workflow: string): Workflow => {
  const flows = state.workflows.get(account) ?? new Map<string, Workflow>()
  state.workflows.set(account, flows)
  const flow = flows.get(workflow) ?? createWorkflow(account, workflow)
  flows.set(workflow, flow)
  return flow
}

const ofRun = (run: Run, rows: readonly JobRow[]): Consequences => ({
  ...nothing,
  account: run.account,
  put: rows.map((row) => ({ kind: 'job', key: keyOfJob(row), row })),
  run: keyOfRun(run),
})

/** It was right when it was taken up; a later version may see it otherwise, and says so on the row. */
export const tryDefinition = (text: string, account: string, workflow: string): Definition | string => {
  try {
    return readDefinition(text, definitionFile(account, workflow))
  } catch (thrown) {
    if (thrown instanceof SeneschalError && thrown.code === 'workflow.invalid')
      return thrown.detail ?? thrown.message
    // A text that its reader chokes on is that workflow's trouble; thrown on, it would be everybody's.
    if (thrown instanceof RangeError)
      return `${definitionFile(account, workflow)}:1:1: cannot be read: ${thrown.message}`
    throw thrown
  }
}

/** More entries than are being read at once, and than anybody leaves that cannot be removed. */
const refusedKept = 1000

const putAccount = (
  state: DaemonState,
  { account, title, problem, at }: AccountRow,
  around: Surroundings,
): SitePut => {
  const rests = restsOf(state.standstill, { account, host: around.hostOf(account) })
  const row: AccountRow = { account, title, problem, ...(rests.length === 0 ? {} : { rests }), at }
  state.accounts.set(account, row)
  return { kind: 'account', key: account, row }
}

const applyStandstill = (
  state: DaemonState,
  change: StandstillChange & { readonly at: number },
  around: Surroundings,
): Consequences => {
  applyChange(state.standstill, change)
  const rows = [...state.accounts.values()]
  return {
    ...nothing,
    site: { put: rows.map((row) => putAccount(state, { ...row, at: change.at }, around)), drop: [] },
  }
}

const appliers: Appliers = {
  genesis: (state, { audit }) => {
    state.audited = audit
    return nothing
  },
  daemon: () => nothing,

  restored: (state, { at }) => {
    state.grantsFrom = at
    // Hubs refuse a lower version than they have seen, and those of after the backup are lost.
    state.permissions = { version: Math.max(state.permissions.version, Math.floor(at / 1000)), digest: '' }
    return nothing
  },
  drain: applyStandstill,
  maintenance: applyStandstill,

  account: (state, { at, account, title, problem }, around) => ({
    ...nothing,
    site: { put: [putAccount(state, { account, title, problem, at }, around)], drop: [] },
  }),

  definition: (state, { at, account, workflow, text, keepsLayer, incarnation, by }, around) => {
    const flow = mustFind(state, account, workflow)
    flow.incarnation ??= incarnation
    const read = tryDefinition(text, account, workflow)
    if (typeof read === 'string') return ofWorkflow(flow, applyProblem(flow, read, at))
    const before = versionOf(flow.versions)
    const host = around.hostOf(account)
    return ofLayers(
      flow,
      before,
      applyDefinition(flow, read, { at, host, keepsLayer: keepsLayer === true, by }),
    )
  },
  layer: (state, { kind: _, account, workflow, ...version }) => {
    if (workflow !== null) {
      const flow = findWorkflow(state, account, workflow)
      if (flow === undefined) return nothing
      const before = versionOf(flow.versions)
      return ofLayers(flow, before, applyLayer(flow, version))
    }
    const versions = state.layers.get(account) ?? createLayerVersions()
    state.layers.set(account, versions)
    const before = versionOf(versions)
    const forgotten = takeVersion(versions, version)
    return { ...nothing, site: toldVersions({ account, workflow }, versions, before, forgotten) }
  },
  'definition-problem': (state, { at, account, workflow, problem }) => {
    const flow = mustFind(state, account, workflow)
    return ofWorkflow(flow, applyProblem(flow, problem, at))
  },
  'workflow-removed': (state, { account, workflow }) => {
    const flow = findWorkflow(state, account, workflow)
    if (flow === undefined) return nothing
    state.workflows.get(account)?.delete(workflow)
    return {
      ...nothing,
      account,
      drop: allRows(flow)
        .filter(({ kind }) => kind !== 'job')
        .map(({ kind, key }) => ({ kind, key })),
      site: {
        put: [],
        drop: [{ kind: 'summary', key: summaryKey(flow) }, ...droppedVersions(placeOf(flow), flow.versions)],
      },
    }
  },

  engine: (state, { account, workflow, event }, around) => {
    const flow = findWorkflow(state, account, workflow)
    return flow === undefined ? nothing : ofWorkflow(flow, applyEngine(flow, event, around.hostOf(account)))
  },
  environment: (state, { account, workflow, task, change }) => {
    const flow = findWorkflow(state, account, workflow)
    if (flow === undefined) return nothing
    const environment = task === undefined ? flow.environment : (flow.taskEnvironment.get(task) ?? {})
    Object.assign(environment, change)
    if (task !== undefined) flow.taskEnvironment.set(task, environment)
    return nothing
  },

  locks: (state, { origin, version, locks }) => {
    state.locks.set(origin, { version, locks })
    return nothing
  },
  permissions: (state, { version, digest }) => {
    state.permissions = { version, digest }
    return nothing
  },
  'configuration-refused': () => nothing,

  accepted: ({ requests }, { at, request }) => {
    requests.waiting.set(requestKey(request.uid, request.id), { request, at })
    if (ownerOfName(requests, request.id) === undefined) requests.names.set(request.id, request.uid)
    const row = presentRequest(request, at, undefined)
    const put = { kind: 'request' as const, key: row.id, row }
    const site = request.via === 'web' ? [put] : []
    return { ...nothing, account: row.account, put: [put], site: { put: site, drop: [] } }
  },
  done: ({ requests, runs }, { at, uid, id, outcome }) => {
    const waiting = requests.waiting.get(requestKey(uid, id))
    if (waiting === undefined) return nothing
    const { request } = waiting
    remember(requests, request, { ...outcome, id, uid, at })
    const row = presentRequest(request, at, outcome, removeRun(runs, requestKey(uid, id))?.plugin)
    const put = { kind: 'request' as const, key: row.id, row }
    const gone = showAtAccount(requests, row)
    const drops = (key: string | undefined): Drop[] => (key === undefined ? [] : [{ kind: 'request', key }])
    // The hub knows only what it granted: another uid that uses the same id must not answer for it.
    const site =
      request.via === 'web' ? { put: [put], drop: drops(showAtSite(requests, row)) } : { put: [], drop: [] }
    return { ...nothing, account: row.account, put: [put], drop: drops(gone), site }
  },
  'plugin-activated': () => nothing,
  'run-begun': ({ requests, runs }, { at, uid, id, plugin, told }) => {
    const waiting = requests.waiting.get(requestKey(uid, id))
    if (waiting === undefined) return nothing
    const { request } = waiting
    const run = beginRun({ uid, id, account: request.ask.account, at, plugin, told })
    addRun(runs, run)
    const row = presentRequest(request, waiting.at, undefined, plugin)
    const put = { kind: 'request' as const, key: row.id, row }
    return {
      ...ofRun(run, []),
      put: [put],
      site: { put: request.via === 'web' ? [put] : [], drop: [] },
    }
  },
  'run-planned': ({ runs }, { uid, id, plan }, around) => {
    const run = runs.byRequest.get(requestKey(uid, id))
    return run === undefined ? nothing : ofRun(run, planRun(run, plan, around.hostOf(run.account)))
  },
  'run-stopped': ({ runs }, { uid, id }) => {
    const run = runs.byRequest.get(requestKey(uid, id))
    if (run === undefined) return nothing
    stopRun(run)
    return ofRun(run, [])
  },
  'run-job': ({ runs }, { account, event }, around) => {
    const run = runOfJob(runs, account, event)
    return run === undefined ? nothing : ofRun(run, applyJob(run, event, around.hostOf(account)))
  },
  'run-leaf': ({ runs }, { uid, id, leaf, ok, note }, around) => {
    const run = runs.byRequest.get(requestKey(uid, id))
    return run === undefined
      ? nothing
      : ofRun(run, endLeaf(run, leaf, { ok, note }, around.hostOf(run.account)))
  },
  'run-progress': ({ requests, runs }, { uid, id, progress }) => {
    const key = requestKey(uid, id)
    const [waiting, run] = [requests.waiting.get(key), runs.byRequest.get(key)]
    if (waiting === undefined || run === undefined) return nothing
    const row = { ...presentRequest(waiting.request, waiting.at, undefined, run.plugin), progress }
    return { ...nothing, account: row.account, put: [{ kind: 'request', key: row.id, row }] }
  },
  'file-refused': ({ refused }, { entry }) => {
    if (entry !== undefined) refused.add(entry)
    for (const oldest of refused) {
      if (refused.size <= refusedKept) break
      refused.delete(oldest)
    }
    return nothing
  },
}

export const summaryKey = (flow: Pick<Workflow, 'account' | 'workflow'>): string =>
  `${flow.account}/${flow.workflow}`

const applyKind = <K extends EventKind>(
  kind: K,
  state: DaemonState,
  event: EventOf<K>,
  around: Surroundings,
): Consequences => appliers[kind](state, event, around)

/**
 * What stopped half way stops each time, so a replay ends where this did. Its workflow stands still with what it was
 * then: until somebody reloads it, or, since a later version may know better, until the daemon starts again.
 */
const afterFault = (state: DaemonState, event: DaemonEvent, fault: unknown): Consequences => {
  const flow =
    'workflow' in event && event.workflow !== null && typeof event.account === 'string'
      ? findWorkflow(state, event.account, event.workflow)
      : undefined
  if (flow === undefined) return { ...nothing, fault }
  const why = fault instanceof Error ? fault.message : String(fault)
  return { ...ofWorkflow(flow, quarantine(flow, why, event.at)), fault }
}

/**
 * Changes the state in place. Each event that is audited gives one record, so that their number says which are missing.
 * Never throws: one workflow's trouble must not be everybody's.
 */
export const apply = (state: DaemonState, event: DaemonEvent, around: Surroundings): Consequences => {
  const audit = auditOf(state, event)
  if (audit !== undefined) state.audited += 1
  try {
    return { ...applyKind(event.kind, state, event as never, around), audit }
  } catch (thrown) {
    return { ...afterFault(state, event, thrown), audit }
  }
}
