/** What people and the site did: live, and searched; one line each, the whole record on request. */
import { computed, useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { AuditFilters } from '../parts/audit-filters.tsx'
import { AuditLine, walkLines } from '../parts/audit-line.tsx'
import { Banner, Blank } from '../parts/states.tsx'
import { useTitle } from '../parts/title.ts'
import { query } from '../router.ts'
import { type AuditFilter, auditFilters, auditQuery, openAudit } from '../state/audit.ts'
import { auditKey } from '../state/audit-log.ts'

const filter = computed(
  () =>
    Object.fromEntries(
      auditFilters.map((name) => [name, query.value.get(name)?.trim() ?? '']),
    ) as AuditFilter,
)

const settleTyping = 300
/** Further down than this somebody reads, px. */
const readingFrom = 120

/** What the text says once nobody types any more. */
const useSettled = (text: string): string => {
  const settled = useSignal(text)
  useEffect(() => {
    const timer = setTimeout(() => {
      settled.value = text
    }, settleTyping)
    return () => clearTimeout(timer)
  }, [text])
  return settled.value
}

const useReading = (): boolean => {
  const reading = useSignal(scrollY > readingFrom)
  useEffect(() => {
    const look = () => {
      reading.value = scrollY > readingFrom
    }
    addEventListener('scroll', look, { passive: true })
    return () => removeEventListener('scroll', look)
  }, [])
  return reading.value
}

export const Audit = () => {
  useTitle('Audit')
  const asked = useSettled(JSON.stringify(filter.value))
  const audit = useMemo(() => openAudit(JSON.parse(asked) as AuditFilter), [asked])
  useEffect(() => audit.close, [audit])
  const reading = useReading()
  const waiting = audit.waiting.value.length
  const behind = audit.behind.value
  const records = audit.records.value
  const ready = records !== undefined && !audit.busy.value && audit.error.value === undefined
  // What arrives while somebody reads further down waits behind a button, so that nothing moves under the eyes.
  useEffect(() => {
    if (ready && !reading && (waiting > 0 || behind)) audit.show()
  }, [audit, ready, reading, audit.waiting.value, behind])
  const { phase } = audit.phase.value
  return (
    <div class="page audit">
      <header class="page-head">
        <h1>Audit</h1>
        <span class={`live live-${phase === 'live' ? 'on' : 'off'}`} role="status">
          <span class="server-dot" aria-hidden="true" /> {phase === 'live' ? 'live' : 'reconnecting'}
        </span>
        <a
          class="button audit-export"
          href={`/api/audit/export${auditQuery(filter.value)}`}
          download="audit.ndjson"
          title="What is asked for here, whole, one record a line (JSON)"
        >
          Export
        </a>
      </header>
      <AuditFilters filter={filter.value} />
      {reading && (waiting > 0 || behind) && (
        <button
          type="button"
          class="button primary newer"
          onClick={() => {
            scrollTo(0, 0)
            audit.show()
          }}
        >
          {behind ? 'Many' : waiting} newer
        </button>
      )}
      {audit.error.value !== undefined && (
        <Banner tone="bad">
          {audit.error.value.message}{' '}
          <button type="button" class="button small" onClick={audit.renew}>
            Retry
          </button>
        </Banner>
      )}
      {records === undefined && audit.error.value === undefined && (
        <Blank title="Reading the audit log" busy />
      )}
      {records?.length === 0 && waiting === 0 && (
        <Blank title="No record matches">
          <p>You see your own records and those of workflows that you may view.</p>
        </Blank>
      )}
      <ol class="audit-list" aria-label="Audit records" onKeyDown={walkLines}>
        {records?.map((record) => (
          <AuditLine key={auditKey(record)} record={record} />
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
