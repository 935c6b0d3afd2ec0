/** What stands above every view of a workflow: where one is, how it is, what may be done, what is filtered. */
import { countInstances } from '../../model/attention.ts'
import { cycleSpan } from '../../model/order.ts'
import { ActionMenu } from '../../parts/action-menu.tsx'
import { stateOrder } from '../../parts/counts.tsx'
import { FlowGlyph, Glyph, Icon, stateWords } from '../../parts/glyph.tsx'
import { Outcome } from '../../parts/outcome.tsx'
import { SearchField } from '../../parts/search-field.tsx'
import { Ago } from '../../parts/time.tsx'
import { query, setQuery } from '../../router.ts'
import { type PageName, pathOf } from '../../routes.ts'
import { viewer } from '../../state/session.ts'
import type { LiveWorkflow } from '../../state/workflow.ts'
import { instanceFilter, keptQuery, stateFilter, type WorkflowContext } from './context.ts'

export type View = 'tree' | 'table' | 'history' | 'source'

const views: readonly { readonly name: View; readonly label: string }[] = [
  { name: 'tree', label: 'Tree' },
  { name: 'table', label: 'Table' },
  { name: 'history', label: 'History' },
  { name: 'source', label: 'Source' },
]

export const viewOf = (name: PageName): View => views.find((view) => view.name === name)?.name ?? 'tree'

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
      {(allowed.permissions === true || viewer.value?.roles.includes('auditor') === true) && (
        <a href={pathOf('workflowPermissions', { account, workflow })}>Permissions</a>
      )}
    </nav>
  )
}

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
      {stateOrder.map((state) =>
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

export const Head = ({ context, view }: { readonly context: WorkflowContext; readonly view: View }) => {
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
