/** One workflow, live: what it is doing, what is wrong with it, and its tasks in one of several views. */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { Connection } from '../../parts/connection.tsx'
import { ServerProgress, useOpener } from '../../parts/server-gate.tsx'
import { Banner, Blank, Said } from '../../parts/states.tsx'
import { useTitle } from '../../parts/title.ts'
import { query } from '../../router.ts'
import { pathOf, type Route } from '../../routes.ts'
import { onRequestRow } from '../../state/requests.ts'
import { viewer } from '../../state/session.ts'
import { allowedOn, isStale, isToldOfDaemon, site, sitePhase, workflowKey } from '../../state/site.ts'
import { type LiveWorkflow, openWorkflow } from '../../state/workflow.ts'
import { Missing } from '../missing.tsx'
import { keptQuery, type WorkflowContext } from './context.ts'
import { Head, type View, viewOf } from './head.tsx'
import { History } from './history.tsx'
import { Source } from './source.tsx'
import { Table } from './table.tsx'
import { TaskPanel } from './task.tsx'
import { Tree } from './tree.tsx'
import { Troubles } from './troubles.tsx'

export type WorkflowRoute = Extract<Route, { readonly params: { readonly workflow: string } }>

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
  const isAnswering = site.read().server.get(account)?.code == null
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
    if (on && isAnswering) live.peek()?.nudge()
  }, [on, isAnswering, session])

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
    const isLive =
      on &&
      isAnswering &&
      held.phase.value.phase === 'live' &&
      held.trouble.value === undefined &&
      !isStale(account)
    inner = (
      <>
        <div class="workflow-main">
          <Head context={context} view={view} />
          <Troubles context={context} />
          {held.trouble.value !== undefined && !isToldOfDaemon(account, held.trouble.value) && (
            <Banner tone="bad">
              <Said code={held.trouble.value} />
              <span>What stands here is the last that was read. It goes on by itself.</span>
            </Banner>
          )}
          {on && isAnswering && sitePhase.value.phase === 'live' && (
            <Connection
              phase={held.phase.value}
              heardAt={held.heardAt.value}
              what={`the server of ${account}`}
              onRetry={held.nudge}
            />
          )}
          <ServerProgress account={account} opener={opener} />
          <div class={isLive ? 'workflow-body' : 'workflow-body stale'}>
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
