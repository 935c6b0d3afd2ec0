/** One workflow, live: what it is doing, what is wrong with it, and its tasks in one of several views. */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import type { WorkflowRow } from '../../../protocol/rows.ts'
import { countInstances, workflowSeverity } from '../../model/attention.ts'
import { cycleSpan } from '../../model/order.ts'
import { ActionMenu } from '../../parts/action-menu.tsx'
import { Connection } from '../../parts/connection.tsx'
import { FlowGlyph, Glyph, Icon, stateWords } from '../../parts/glyph.tsx'
import { Outcome } from '../../parts/outcome.tsx'
import { SearchField } from '../../parts/search-field.tsx'
import { ServerProgress, useOpener } from '../../parts/server-gate.tsx'
import { Banner, Blank } from '../../parts/states.tsx'
import { Ago } from '../../parts/time.tsx'
import { useTitle } from '../../parts/title.ts'
import { query, setQuery } from '../../router.ts'
import { type PageName, pathOf, type Route } from '../../routes.ts'
import { onRequestRow } from '../../state/requests.ts'
import { viewer } from '../../state/session.ts'
import { allowedOn, site, sitePhase, workflowKey } from '../../state/site.ts'
import { type LiveWorkflow, openWorkflow } from '../../state/workflow.ts'
import { Missing } from '../missing.tsx'
import { instanceFilter, stateFilter, type WorkflowContext } from './context.ts'
import { History } from './history.tsx'
import { Source } from './source.tsx'
import { Table } from './table.tsx'
import { TaskPanel } from './task.tsx'
import { Tree } from './tree.tsx'

export type WorkflowRoute = Extract<Route, { readonly params: { readonly workflow: string } }>
type View = 'tree' | 'table' | 'history' | 'source'

const views: readonly { readonly name: View; readonly label: string }[] = [
  { name: 'tree', label: 'Tree' },
  { name: 'table', label: 'Table' },
  { name: 'history', label: 'History' },
  { name: 'source', label: 'Source' },
]

const viewOf = (name: PageName): View => views.find((view) => view.name === name)?.name ?? 'tree'

/** Filters of tree and table go with one from view to view. */
const keptQuery = () => {
  const kept = new URLSearchParams()
  for (const key of ['q', 'state']) {
    const value = query.value.get(key)
    if (value !== null) kept.set(key, value)
  }
  return kept.size === 0 ? '' : `?${kept}`
}

const Tabs = ({ context, view }: { readonly context: WorkflowContext; readonly view: View }) => {
  const { account, workflow, allowed } = context
  return (
    <nav class="tabs" aria-label="Views">
      {views.map(({ name, label }) => {
        // Not known yet is not the same as not allowed.
        if (name === 'source' && allowed.source === false) return null
        const kept = name === 'tree' || name === 'table' ? keptQuery() : ''
        return (
          <a
            key={name}
            href={pathOf(name, { account, workflow }) + kept}
            aria-current={view === name ? 'page' : undefined}
          >
            {label}
          </a>
        )
      })}
    </nav>
  )
}

const chipStates = [
  'failed',
  'submit-failed',
  'expired',
  'running',
  'submitted',
  'preparing',
  'waiting',
  'succeeded',
] as const

const StateChips = ({ live }: { readonly live: LiveWorkflow }) => {
  const chosen = stateFilter()
  const counts = countInstances(live.tables.read().instance.values())
  const toggle = (state: string) => {
    const next = new Set<string>(chosen)
    if (!next.delete(state)) next.add(state)
    setQuery({ state: [...next].join(',') })
  }
  return (
    <div class="segments chips" role="group" aria-label="Filter by state">
      {chipStates.map((state) =>
        (state === 'submit-failed' || state === 'expired') &&
        counts[state] === 0 &&
        !chosen.has(state) ? null : (
          <button
            key={state}
            type="button"
            class={counts[state] === 0 ? 'zero' : undefined}
            aria-pressed={chosen.has(state)}
            title={`Show only ${stateWords(state)}`}
            onClick={() => toggle(state)}
          >
            <Glyph state={state} part={0.7} />
            <span class="figure">{counts[state]}</span>
            <span class="chip-word">{stateWords(state)}</span>
          </button>
        ),
      )}
      {(['held', 'late'] as const).map((state) =>
        counts[state] === 0 && !chosen.has(state) ? null : (
          <button key={state} type="button" aria-pressed={chosen.has(state)} onClick={() => toggle(state)}>
            {state === 'late' ? <Icon name="late" /> : <span class="bars" aria-hidden="true" />}
            <span class="figure">{counts[state]}</span>
            <span class="chip-word">{state}</span>
          </button>
        ),
      )}
    </div>
  )
}

const Head = ({ context, view }: { readonly context: WorkflowContext; readonly view: View }) => {
  const { account, workflow, row, live } = context
  const cycles = row?.cycles
  return (
    <header class="workflow-head">
      <div class="crumbs">
        <a href={pathOf('account', { account })}>{account}</a>
        <span aria-hidden="true">/</span>
        <h1>{workflow}</h1>
        {row !== undefined && (
          <span class={`flow-badge flow-${row.state}`} role="status" aria-label="Workflow state">
            <FlowGlyph state={row.state} /> {row.state}
            {row.held && ' · held'}
          </span>
        )}
        <Outcome target={{ account, workflow }} />
        <span class="spring" />
        {cycles != null && (
          <span class="hint figure wide-only" title="Oldest and newest active cycle">
            {cycleSpan(cycles.first, cycles.last)}
          </span>
        )}
        {row !== undefined && (
          <span class="hint wide-only">
            changed <Ago at={row.at} />
          </span>
        )}
        <ActionMenu target={{ account, workflow }} allowed={context.allowed} workflow={row} words="Actions" />
      </div>
      {row?.meta.title !== undefined && <p class="workflow-title">{row.meta.title}</p>}
      <div class="workflow-bar">
        <Tabs context={context} view={view} />
        {(view === 'tree' || view === 'table') && (
          <>
            <SearchField
              label="Filter tasks"
              value={query.value.get('q') ?? ''}
              onChange={(q) => setQuery({ q })}
            />
            <StateChips live={live} />
            {instanceFilter(live).filtering && (
              <button type="button" class="link" onClick={() => setQuery({ q: null, state: null })}>
                clear
              </button>
            )}
          </>
        )}
      </div>
    </header>
  )
}

const isAddress = (text: string) => /^https?:\/\//.test(text)

/** What to do and whom to call, where something is wrong. */
const Help = ({ row }: { readonly row: WorkflowRow }) => {
  const { runbook, contact, priority } = row.meta
  if (workflowSeverity(row) > 0 || (runbook === undefined && contact === undefined)) return null
  return (
    <div class="help" role="note" aria-label="What to do">
      {runbook !== undefined && (
        <span>
          <b>Runbook</b>{' '}
          {isAddress(runbook) ? (
            <a class="link" href={runbook} target="_blank" rel="noreferrer">
              {runbook}
            </a>
          ) : (
            runbook
          )}
        </span>
      )}
      {contact !== undefined && (
        <span>
          <b>Contact</b> {contact}
        </span>
      )}
      {priority !== undefined && (
        <span>
          <b>Priority</b> {priority}
        </span>
      )}
    </div>
  )
}

const Troubles = ({ context }: { readonly context: WorkflowContext }) => {
  const { row, live } = context
  const unreadable = live.tables.unreadable.value
  return (
    <>
      {row?.stall != null && (
        <Banner tone="bad">
          <strong>Stalled.</strong> {row.stall}
        </Banner>
      )}
      {row?.problem != null && (
        <Banner tone="bad">
          <strong>The changed definition was refused;</strong> the one before it stays in force.{' '}
          <code>{row.problem}</code>
        </Banner>
      )}
      {row !== undefined && <Help row={row} />}
      {unreadable > 0 && (
        <Banner tone="warn">
          {unreadable === 1 ? 'One row is' : `${unreadable} rows are`} not what this page understands and left
          out. Reload the page.
        </Banner>
      )}
    </>
  )
}

const Body = ({
  context,
  view,
  route,
}: {
  readonly context: WorkflowContext
  readonly view: View
  readonly route: WorkflowRoute
}) => {
  if (view === 'history') return <History context={context} />
  if (view === 'source') return <Source context={context} />
  if (!context.live.tables.loaded.value) return <Blank title="Loading tasks" busy />
  if (view === 'table') return <Table context={context} />
  const selected = route.name === 'task' ? `task:${route.params.cycle}/${route.params.task}` : undefined
  return <Tree context={context} selected={selected} />
}

type OpenProps = { readonly route: WorkflowRoute; readonly account: string; readonly workflow: string }

const Opened = ({ route, account, workflow }: OpenProps) => {
  const opener = useOpener(account)
  const live = useSignal<LiveWorkflow | undefined>(undefined)
  const on = opener.opening.value.state === 'on'
  const session = viewer.value?.elevation?.class ?? 'read'

  useEffect(() => {
    if (!on || live.peek() !== undefined) return
    live.value = openWorkflow(account, workflow, onRequestRow)
  }, [on, account, workflow])
  useEffect(
    () => () => {
      live.peek()?.close()
    },
    [],
  )
  // A server that came back, and privileges that changed, are reasons to connect now rather than later.
  useEffect(() => {
    if (on) live.peek()?.nudge()
  }, [on, session])

  const summary = site.read().summary.get(workflowKey(account, workflow))
  const row = live.value?.tables.read().workflow.get(workflow) ?? summary
  const failed = row === undefined ? 0 : row.counts.failed + row.counts['submit-failed']
  useTitle(failed > 0 ? `(${failed}) ${workflow}` : workflow)

  const held = live.value
  let inner: ComponentChildren = null
  if (held !== undefined) {
    const context: WorkflowContext = {
      account,
      workflow,
      live: held,
      row,
      allowed: allowedOn(account, workflow),
    }
    const view = viewOf(route.name)
    inner = (
      <>
        <div class="workflow-main">
          <Head context={context} view={view} />
          <Troubles context={context} />
          {on && sitePhase.value.phase === 'live' && (
            <Connection
              phase={held.phase.value}
              heardAt={held.heardAt.value}
              what={`the server of ${account}`}
              onRetry={held.nudge}
            />
          )}
          <ServerProgress account={account} opener={opener} />
          <div class={on && held.phase.value.phase === 'live' ? 'workflow-body' : 'workflow-body stale'}>
            <Body context={context} view={view} route={route} />
          </div>
        </div>
        {route.name === 'task' && (
          <TaskPanel
            key={`${route.params.cycle}/${route.params.task}`}
            context={context}
            cycle={route.params.cycle}
            task={route.params.task}
            close={pathOf('tree', { account, workflow }) + keptQuery()}
          />
        )}
      </>
    )
  } else {
    inner = (
      <>
        <header class="workflow-head">
          <div class="crumbs">
            <a href={pathOf('account', { account })}>{account}</a>
            <span aria-hidden="true">/</span>
            <h1>{workflow}</h1>
          </div>
        </header>
        <ServerProgress account={account} opener={opener} />
      </>
    )
  }
  const wide = query.value.get('wide') === '1' ? 'panel-wide' : ''
  return <div class={route.name === 'task' ? `workflow with-panel ${wide}` : 'workflow'}>{inner}</div>
}

export const WorkflowPage = ({ route }: { readonly route: WorkflowRoute }) => {
  const { account, workflow } = route.params
  if (!site.loaded.value) return <Blank title={`Loading ${workflow}`} busy />
  if (!site.read().summary.has(workflowKey(account, workflow))) return <Missing />
  return <Opened key={workflowKey(account, workflow)} route={route} account={account} workflow={workflow} />
}
