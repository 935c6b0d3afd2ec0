/** Every workflow of every account that I may view, what needs attention first; works with all servers off. */
import { computed } from '@preact/signals'
import { noCounts, type SummaryRow } from '../../protocol/rows.ts'
import { addCounts, bySummary, workflowSeverity } from '../model/attention.ts'
import { textFilter } from '../model/filter.ts'
import { cycleLabel } from '../model/order.ts'
import { CountList } from '../parts/counts.tsx'
import { FlowGlyph, Glyph, stateWords } from '../parts/glyph.tsx'
import { SearchField } from '../parts/search-field.tsx'
import { ServerMark } from '../parts/server-state.tsx'
import { Banner, Blank, Said } from '../parts/states.tsx'
import { useSteady } from '../parts/steady.ts'
import { Ago } from '../parts/time.tsx'
import { useTitle } from '../parts/title.ts'
import { WorkflowList } from '../parts/workflow-list.tsx'
import { query, setQuery } from '../router.ts'
import { pathOf } from '../routes.ts'
import { type AccountView, accountViews, isStale, loadAllowed, site, siteError } from '../state/site.ts'

const shows = ['all', 'attention', 'running', 'held', 'stopped'] as const
type Show = (typeof shows)[number]
const showWords: Readonly<Record<Show, string>> = {
  all: 'All',
  attention: 'Attention',
  running: 'Running',
  held: 'Held or paused',
  stopped: 'Stopped',
}

const belongs: Readonly<Record<Show, (row: SummaryRow) => boolean>> = {
  all: () => true,
  attention: (row) => workflowSeverity(row) < 2,
  running: (row) => row.state === 'running',
  held: (row) => row.held || row.state === 'paused' || row.counts.held > 0,
  stopped: (row) => row.state === 'stopped' || row.state === 'finished' || row.state === 'stopping',
}

const show = computed<Show>(() => shows.find((name) => name === query.value.get('show')) ?? 'all')
const text = computed(() => query.value.get('q') ?? '')
const everything = computed(() => accountViews.value.flatMap((view) => view.workflows))

const views = computed<readonly AccountView[]>(() => {
  const matches = textFilter(text.value)
  const wanted = belongs[show.value]
  const filtering = text.value !== '' || show.value !== 'all'
  return accountViews.value
    .map((view) => ({
      account: view.account,
      workflows: view.workflows.filter(
        (row) => wanted(row) && matches(`${row.account}/${row.workflow} ${row.meta.title ?? ''}`),
      ),
    }))
    .filter((view) => !filtering || view.workflows.length > 0)
})

type Trouble = {
  readonly key: string
  readonly workflow: SummaryRow
  readonly item: SummaryRow['attention'][number] | undefined
}

/** Failed instances by name; a stall by its workflow. */
const troubles = computed<readonly Trouble[]>(() =>
  everything.value
    .filter((row) => workflowSeverity(row) < 2)
    .sort(bySummary)
    .flatMap((workflow): Trouble[] => {
      const key = `${workflow.account}/${workflow.workflow}`
      const items = workflow.attention.map((item) => ({
        key: `${key}//${item.cycle}/${item.task}`,
        workflow,
        item,
      }))
      return workflow.state === 'stalled' || items.length === 0
        ? [{ key, workflow, item: undefined }, ...items]
        : items
    }),
)

/** One word: what has failed says so, even if it is late besides. */
const troubleWord = ({ workflow, item }: Trouble): string => {
  if (item === undefined) return workflow.state
  return item.late && !item.state.endsWith('failed') ? 'late' : stateWords(item.state)
}

const TroubleLine = ({ trouble }: { readonly trouble: Trouble }) => {
  const { workflow, item } = trouble
  const target = { account: workflow.account, workflow: workflow.workflow }
  const href =
    item === undefined
      ? pathOf('tree', target)
      : pathOf('task', { ...target, cycle: item.cycle, task: item.task })
  return (
    <li class={item === undefined || item.state.endsWith('failed') ? 'trouble bad' : 'trouble'}>
      <a href={href}>
        {item === undefined ? <FlowGlyph state={workflow.state} /> : <Glyph state={item.state} />}
        <span class="trouble-text">
          <strong>{item === undefined ? workflow.workflow : item.task}</strong>
          <span class="trouble-state">{troubleWord(trouble)}</span>
        </span>
        <Ago at={item?.at ?? workflow.at} />
        <small class="trouble-where">
          {workflow.account}/{workflow.workflow}
        </small>
        <small class="figure">{item === undefined ? '' : cycleLabel(item.cycle)}</small>
      </a>
    </li>
  )
}

const mostTroubles = 40

const Attention = () => {
  const steady = useSteady(troubles.value, (trouble) => trouble.key)
  const left = steady.items.length - mostTroubles
  return (
    <section class="attention" aria-label="Needs attention" {...steady.handlers}>
      <h2>
        Needs attention <span class="figure count-badge">{steady.items.length}</span>
      </h2>
      {steady.items.length === 0 ? (
        <p class="quiet-note">
          <Glyph state="succeeded" /> Nothing has failed, stalled or is late.
        </p>
      ) : (
        <ul>
          {steady.items.slice(0, mostTroubles).map((trouble) => (
            <TroubleLine key={trouble.key} trouble={trouble} />
          ))}
        </ul>
      )}
      {left > 0 && <p class="hint">and {left} more</p>}
    </section>
  )
}

const AccountSection = ({ view }: { readonly view: AccountView }) => {
  const { account } = view
  const name = account.account
  const steady = useSteady(view.workflows, (row) => row.workflow, `${show.value} ${text.value}`)
  const total = view.workflows.reduce((sum, row) => addCounts(sum, row.counts), noCounts)
  return (
    <section class="account" aria-label={name} {...steady.handlers}>
      <header>
        <h2>
          <a href={pathOf('account', { account: name })}>{name}</a>
        </h2>
        {account.title !== null && <span class="account-title">{account.title}</span>}
        <ServerMark row={site.read().server.get(name)} />
        <span class="spring" />
        <CountList counts={total} />
      </header>
      {account.problem !== null && <Banner tone="bad">{account.problem}</Banner>}
      {view.workflows.length === 0 ? (
        <p class="hint">No workflow here that you may view.</p>
      ) : (
        <WorkflowList rows={steady.items} stale={isStale(name)} label={`Workflows of ${name}`} />
      )}
    </section>
  )
}

const Filters = () => (
  <div class="filters" role="search">
    <SearchField label="Filter workflows by name" value={text.value} onChange={(q) => setQuery({ q })} />
    <div class="segments" role="group" aria-label="Show">
      {shows.map((name) => (
        <button
          key={name}
          type="button"
          aria-pressed={show.value === name}
          onClick={() => setQuery({ show: name === 'all' ? null : name })}
        >
          {showWords[name]}
          <span class="figure">{everything.value.filter(belongs[name]).length}</span>
        </button>
      ))}
    </div>
  </div>
)

export const Home = () => {
  const bad = everything.value.filter((row) => workflowSeverity(row) === 0).length
  useTitle(bad > 0 ? `(${bad}) Workflows` : 'Workflows')
  if (!site.loaded.value) {
    return siteError.value === undefined ? (
      <Blank title="Loading workflows" busy />
    ) : (
      <Blank title="The workflows could not be loaded" tone="bad">
        <p>
          <Said code={siteError.value.code} text={siteError.value.message} />
        </p>
        <button type="button" class="button" onClick={() => void loadAllowed()}>
          Retry
        </button>
      </Blank>
    )
  }
  return (
    <div class="home">
      <Attention />
      <div class="accounts">
        <Filters />
        {views.value.map((view) => (
          <AccountSection key={view.account.account} view={view} />
        ))}
        {views.value.length === 0 && (
          <Blank
            title={
              accountViews.value.length === 0
                ? 'There is nothing that you may view'
                : 'Nothing matches the filter'
            }
          >
            <p>
              {accountViews.value.length === 0
                ? 'An owner of an account can let you read its workflows.'
                : 'Take words away, or show all.'}
            </p>
          </Blank>
        )}
      </div>
    </div>
  )
}
