/** What people and the site did: live, and searched; one line each, the whole record on request. */
import { computed, useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { type AuditRecord, auditEvents } from '../../protocol/audit.ts'
import { clockTime, utcTime } from '../model/time.ts'
import { Icon, type IconName } from '../parts/glyph.tsx'
import { SearchField } from '../parts/search-field.tsx'
import { Banner, Blank } from '../parts/states.tsx'
import { useTitle } from '../parts/title.ts'
import { query, setQuery } from '../router.ts'
import { type AuditFilter, auditEventNames, auditKey, openAudit } from '../state/audit.ts'
import { slowBeat } from '../state/clock.ts'
import { accountViews } from '../state/site.ts'

const filter = computed<AuditFilter>(() => {
  const get = (key: string) => query.value.get(key)?.trim() ?? ''
  return {
    person: get('person'),
    account: get('account'),
    event: get('event'),
    text: get('text'),
    since: get('since'),
    until: get('until'),
  }
})
const names = ['person', 'account', 'event', 'text', 'since', 'until'] as const

const outcomeIcons: Readonly<Record<AuditRecord['outcome'], IconName>> = {
  allowed: 'open',
  done: 'check',
  refused: 'close',
  failed: 'close',
  stale: 'late',
}

const Details = ({ record }: { readonly record: AuditRecord }) => (
  <dl class="facts audit-facts">
    <dt>means</dt>
    <dd>{auditEvents[record.event].means}</dd>
    {Object.entries(record).map(([key, value]) =>
      value === null || key === 'sentence' ? null : (
        <>
          <dt key={`${key} name`}>{key}</dt>
          <dd key={key}>
            <code>{typeof value === 'object' ? JSON.stringify(value) : String(value)}</code>
          </dd>
        </>
      ),
    )}
  </dl>
)

const Line = ({ record, fresh }: { readonly record: AuditRecord; readonly fresh: boolean }) => {
  const open = useSignal(false)
  const at = Date.parse(record.time)
  return (
    <li class={`audit-line outcome-${record.outcome} ${fresh ? 'fresh' : ''}`}>
      <button
        type="button"
        class="audit-row"
        aria-expanded={open.value}
        onClick={() => {
          open.value = !open.value
        }}
      >
        <time class="figure" dateTime={record.time} title={utcTime(at)}>
          {clockTime(at, slowBeat.value)}
        </time>
        <span class="audit-outcome" title={record.outcome}>
          <Icon name={outcomeIcons[record.outcome]} />
          <span class="sr">{record.outcome}</span>
        </span>
        <span class="audit-sentence">{record.sentence}</span>
        {record.reason !== null && <span class="audit-reason">{record.reason}</span>}
        <span class="audit-writer">{record.writer}</span>
      </button>
      {open.value && <Details record={record} />}
    </li>
  )
}

const Filters = () => {
  const set = (key: (typeof names)[number]) => (value: string | null) => setQuery({ [key]: value })
  const { account, event, person, text, since, until } = filter.value
  return (
    <div class="filters" role="search">
      <SearchField label="Text" value={text} onChange={set('text')} />
      <SearchField label="Person" value={person} onChange={set('person')} />
      <select
        aria-label="Account"
        value={account}
        onChange={(change) => set('account')(change.currentTarget.value)}
      >
        <option value="">Every account</option>
        {accountViews.value.map((view) => (
          <option key={view.account.account} value={view.account.account}>
            {view.account.account}
          </option>
        ))}
      </select>
      <select
        aria-label="Event"
        value={event}
        onChange={(change) => set('event')(change.currentTarget.value)}
      >
        <option value="">Every event</option>
        {auditEventNames.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <label class="range">
        <span>from</span>
        <input
          type="datetime-local"
          value={since}
          onChange={(change) => set('since')(change.currentTarget.value)}
        />
      </label>
      <label class="range">
        <span>to</span>
        <input
          type="datetime-local"
          value={until}
          onChange={(change) => set('until')(change.currentTarget.value)}
        />
      </label>
      {names.some((name) => filter.value[name] !== '') && (
        <button
          type="button"
          class="link"
          onClick={() => setQuery(Object.fromEntries(names.map((name) => [name, null])))}
        >
          clear
        </button>
      )}
    </div>
  )
}

const settleTyping = 300

export const Audit = () => {
  useTitle('Audit')
  const asked = JSON.stringify(filter.value)
  const settled = useSignal(asked)
  useEffect(() => {
    const timer = setTimeout(() => {
      settled.value = asked
    }, settleTyping)
    return () => clearTimeout(timer)
  }, [asked])
  const audit = useMemo(() => openAudit(JSON.parse(settled.value) as AuditFilter), [settled.value])
  useEffect(() => audit.close, [audit])

  // What arrives while somebody reads further down waits behind a button, so that nothing moves under the eyes.
  const held = useSignal(0)
  const arrived = audit.arrived.value
  const reading = scrollY > 120
  if (!reading && held.peek() !== arrived.length) held.value = arrived.length
  const shown = arrived.slice(arrived.length - held.value)
  const known = new Set(shown.map(auditKey))
  const found = audit.found.value?.filter((record) => !known.has(auditKey(record)))
  const waiting = arrived.length - held.value
  const { phase } = audit.phase.value
  return (
    <div class="page audit">
      <header class="page-head">
        <h1>Audit</h1>
        <span class={`live live-${phase === 'live' ? 'on' : 'off'}`} role="status">
          <span class="server-dot" aria-hidden="true" /> {phase === 'live' ? 'live' : 'reconnecting'}
        </span>
      </header>
      <Filters />
      {waiting > 0 && (
        <button
          type="button"
          class="button primary newer"
          onClick={() => {
            held.value = arrived.length
            scrollTo(0, 0)
          }}
        >
          {waiting} newer
        </button>
      )}
      {audit.error.value !== undefined && (
        <Banner tone="bad">
          {audit.error.value.message}{' '}
          <button type="button" class="button small" onClick={audit.again}>
            Retry
          </button>
        </Banner>
      )}
      {found === undefined && audit.error.value === undefined && <Blank title="Reading the audit log" busy />}
      {found !== undefined && found.length + shown.length === 0 && (
        <Blank
          title={audit.cursor.value === null ? 'No record matches' : 'None of the latest records matches'}
        >
          <p>You see your own records and those of workflows that you may view.</p>
        </Blank>
      )}
      <ol class="audit-list" aria-label="Audit records">
        {shown.map((record) => (
          <Line key={auditKey(record)} record={record} fresh />
        ))}
        {found?.map((record) => (
          <Line key={auditKey(record)} record={record} fresh={false} />
        ))}
      </ol>
      {audit.cursor.value !== null && (
        <p class="more">
          <button type="button" class="button" disabled={audit.busy.value} onClick={audit.older}>
            Older records
          </button>
        </p>
      )}
    </div>
  )
}
