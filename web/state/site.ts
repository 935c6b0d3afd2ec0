/** What the whole site looks like: all accounts and workflows that I may view, live, and what I may do to them. */
import { computed, effect, signal, untracked } from '@preact/signals'
import { type Allowed, accountsBody } from '../../protocol/api.ts'
import { type AccountRow, type DaemonRow, type SummaryRow, wallKinds } from '../../protocol/rows.ts'
import { browserParts, createDefer, onWake } from '../browser.ts'
import { workflowSeverity } from '../model/attention.ts'
import { byName } from '../model/order.ts'
import { sharedRests } from '../model/rests.ts'
import { openStream, type Socket, type StreamPhase } from '../stream.ts'
import { type ApiError, asApiError } from './api.ts'
import { hubNow, setHubClock } from './clock.ts'
import { api, loadSession, mayConnect, noticeVersion, session } from './session.ts'
import { createTables } from './tables.ts'

export const site = createTables(wallKinds, createDefer())
export const sitePhase = signal<StreamPhase>({ phase: 'connecting' })
/** When the hub was last heard of, by its clock. */
export const siteHeardAt = signal(hubNow())
export const siteError = signal<ApiError | undefined>(undefined)

const allowedByWorkflow = signal<ReadonlyMap<string, Allowed>>(new Map())
export const workflowKey = (account: string, workflow: string) => `${account}/${workflow}`

/** What I may ever do to it; nothing as long as that is not known. */
export const allowedOn = (account: string, workflow: string): Allowed =>
  allowedByWorkflow.value.get(workflowKey(account, workflow)) ?? {}

let asking: Promise<void> | undefined
/** Asks the hub again what I may do. Calls that come while one is under way share it. */
export const loadAllowed = (): Promise<void> => {
  asking ??= askAllowed().finally(() => {
    asking = undefined
  })
  return asking
}

const askAllowed = async () => {
  try {
    const body = await api.get('/api/accounts', accountsBody)
    const found = new Map<string, Allowed>()
    for (const { account, workflows } of body.accounts) {
      for (const { summary, allowed } of workflows) {
        found.set(workflowKey(account.account, summary.workflow), allowed)
      }
    }
    allowedByWorkflow.value = found
    siteError.value = undefined
    if (site.loaded.peek()) return
    // The socket has not spoken yet; this is the same picture, without what comes after it.
    site.apply({
      reset: true,
      drop: [],
      put: body.accounts.flatMap(({ account, server, workflows }) => [
        { kind: 'account', key: account.account, row: account },
        { kind: 'server', key: account.account, row: server },
        ...workflows.map(({ summary }) => ({
          kind: 'summary',
          key: workflowKey(summary.account, summary.workflow),
          row: summary,
        })),
        ...body.daemons.map((row) => ({ kind: 'daemon', key: row.daemon, row })),
      ]),
    })
  } catch (thrown) {
    siteError.value = asApiError(thrown)
  }
}

let stream: Socket | undefined
export const nudgeSite = () => stream?.nudge()

/** `before` decides whether to connect at all: a person's session, or the key of a kiosk. */
export const openSite = (
  before: (tries: number) => Promise<'go' | 'signed-out' | 'forbidden'>,
  onSignedOut?: () => void,
): (() => void) => {
  let first = true
  const opened = openStream(
    {
      url: '/api/wall',
      before,
      apply: (change) => {
        siteHeardAt.value = hubNow()
        site.apply(change)
      },
      onPeer: (peer) => {
        setHubClock(peer.now)
        siteHeardAt.value = hubNow()
        if (peer.version !== undefined) noticeVersion(peer.version)
      },
      onState: (state) => {
        const before = sitePhase.peek()
        sitePhase.value = state
        if (state.phase === 'signed-out') {
          session.value = { phase: 'out', ended: true }
          onSignedOut?.()
        }
        if (state.phase === 'live' && before.phase !== 'live' && !first) void loadSession()
        if (state.phase === 'live') first = false
      },
    },
    browserParts,
  )
  stream = opened
  const unwake = onWake(opened.nudge)
  return () => {
    unwake()
    opened.close()
    stream = undefined
  }
}

/** For a person: the site, and their rights, asked again whenever a workflow appears whose rights are unknown. */
export const openSiteForPerson = (): (() => void) => {
  const close = openSite(mayConnect)
  void loadAllowed()
  let asked = ''
  const stop = effect(() => {
    const keys = [...site.read().summary.keys()]
    const unknown = keys.filter((key) => !allowedByWorkflow.value.has(key)).join(' ')
    if (unknown === '' || unknown === asked) return
    asked = unknown
    untracked(() => void loadAllowed())
  })
  return () => {
    stop()
    close()
  }
}

export type AccountView = { readonly account: AccountRow; readonly workflows: readonly SummaryRow[] }

/** Accounts by name, each with its workflows, what needs attention first. */
export const accountViews = computed<readonly AccountView[]>(() => {
  const tables = site.read()
  const found = new Map<string, SummaryRow[]>([...tables.account.keys()].map((name) => [name, []]))
  for (const row of tables.summary.values()) {
    const list = found.get(row.account)
    if (list === undefined) found.set(row.account, [row])
    else list.push(row)
  }
  return [...found.entries()]
    .sort(([a], [b]) => byName(a, b))
    .map(([name, workflows]) => ({
      account: tables.account.get(name) ?? { account: name, title: null, problem: null, at: 0 },
      workflows: workflows.sort(
        (a, b) => workflowSeverity(a) - workflowSeverity(b) || byName(a.workflow, b.workflow),
      ),
    }))
})

/** Daemons that have gone silent: what they run is shown with its age. */
export const silentDaemons = computed(() => [...site.read().daemon.values()].filter((row) => row.silent))

/** Whether the hub has heard of it at all, so that its silence has a length. */
export const wasHeard = ({ at }: Pick<DaemonRow, 'at'>): boolean => at > 0

/** Daemons of which nothing new is shown, whatever the reason. */
const staleDaemons = computed(
  () =>
    new Set(
      [...site.read().daemon.values()]
        .filter(({ silent, codes = [] }) => silent || codes.some((code) => code !== 'config.refused'))
        .map((row) => row.daemon),
    ),
)

const daemonOf = (account: string): string | undefined => site.read().account.get(account)?.daemon

/** Whether what is shown of an account may be old: its daemon is silent or cannot be read. */
export const isStale = (account: string): boolean => {
  const daemon = daemonOf(account)
  return daemon === undefined ? staleDaemons.value.size > 0 : staleDaemons.value.has(daemon)
}

/** Why nothing new starts, for the accounts that are seen. */
export const accountRests = computed(() => sharedRests(site.read().account.values()))

/** Whether nothing new starts for an account: what is late there has its reason. Runners may concern few of its tasks. */
export const isResting = (account: string): boolean =>
  site
    .read()
    .account.get(account)
    ?.rests?.some(({ scope }) => scope !== 'runner') === true

/** What makes all that a daemon runs stand still, as codes; and what it does not take up. */
export const daemonTroubles = computed(() =>
  [...site.read().daemon.values()].flatMap(({ daemon, codes = [] }) =>
    codes.map((code) => ({ daemon, code })),
  ),
)

/** Nothing can be recorded at the hub: nobody can act through it. */
export const isUnrecorded = computed(() =>
  [...site.read().hub.values()].some(({ codes }) => codes.includes('audit.unwritable')),
)

/** Whether a trouble is told of the daemon that runs an account, so that it need not be told of the account again. */
export const isToldOfDaemon = (account: string, code: string): boolean => {
  const ours = daemonOf(account)
  return daemonTroubles.value.some(
    (trouble) => trouble.code === code && (ours === undefined || trouble.daemon === ours),
  )
}

/** Names a daemon where there are several: nobody needs the name of the only one. */
export const daemonTitle = (daemon: string): string | undefined =>
  site.read().daemon.size > 1 ? `Daemon ${daemon}: ` : undefined
