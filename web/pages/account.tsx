/** One account: opening it starts its server; its workflows are shown meanwhile as the site knows them. */

import { ServerProgress, useOpener } from '../parts/server-gate.tsx'
import { ServerMark } from '../parts/server-state.tsx'
import { Banner, Blank } from '../parts/states.tsx'
import { useSteady } from '../parts/steady.ts'
import { useTitle } from '../parts/title.ts'
import { WorkflowList } from '../parts/workflow-list.tsx'
import { pathOf } from '../routes.ts'
import { viewer } from '../state/session.ts'
import { accountViews, allowedOn, isStale, site } from '../state/site.ts'
import { Missing } from './missing.tsx'

const Opened = ({ account }: { readonly account: string }) => {
  const opener = useOpener(account)
  const view = accountViews.value.find((item) => item.account.account === account)
  const steady = useSteady(view?.workflows ?? [], (row) => row.workflow)
  useTitle(account)
  const roles = viewer.value?.roles ?? []
  const mayLook =
    roles.includes('admin') ||
    roles.includes('auditor') ||
    steady.items.some(({ workflow }) => allowedOn(account, workflow).permissions === true)
  if (view === undefined) return <Missing />
  return (
    <div class="page">
      <header class="page-head">
        <h1>{account}</h1>
        {view.account.title !== null && <span class="account-title">{view.account.title}</span>}
        <ServerMark row={site.read().server.get(account)} />
        <span class="spring" />
        {mayLook && <a href={pathOf('permissions', { account })}>Permissions</a>}
      </header>
      {view.account.problem !== null && <Banner tone="bad">{view.account.problem}</Banner>}
      <ServerProgress account={account} opener={opener} />
      <section class="account" {...steady.handlers}>
        {steady.items.length === 0 ? (
          <Blank title="No workflow here that you may view" />
        ) : (
          <WorkflowList rows={steady.items} stale={isStale(account)} label={`Workflows of ${account}`} />
        )}
      </section>
    </div>
  )
}

export const AccountPage = ({ account }: { readonly account: string }) => {
  if (!site.loaded.value) return <Blank title={`Loading ${account}`} busy />
  if (!site.read().account.has(account)) return <Missing />
  return <Opened key={account} account={account} />
}
