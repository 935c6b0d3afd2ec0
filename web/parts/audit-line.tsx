/** One record of the audit log: a line, and the whole of it with its place in the chain on request. */
import { useSignal } from '@preact/signals'
import { type AuditRecord, auditEvents } from '../../protocol/audit.ts'
import { clockTime, utcTime } from '../model/time.ts'
import { slowBeat } from '../state/clock.ts'
import { Icon, type IconName } from './glyph.tsx'

const outcomeIcons: Readonly<Record<AuditRecord['outcome'], IconName>> = {
  allowed: 'open',
  done: 'check',
  refused: 'close',
  failed: 'close',
  stale: 'late',
}

/** Told beside the chain, or in the line itself. */
const elsewhere: ReadonlySet<string> = new Set(['sentence', 'writer', 'seq', 'hash', 'anchor'])

const Fact = ({ name, value }: { readonly name: string; readonly value: unknown }) => (
  <>
    <dt>{name}</dt>
    <dd>
      <code>{typeof value === 'object' ? JSON.stringify(value) : String(value)}</code>
    </dd>
  </>
)

/** The number stands alone beside the writer: records of others between them say nothing about it. */
const Place = ({ record: { writer, seq, hash, anchor } }: { readonly record: AuditRecord }) => (
  <>
    <dt>chain</dt>
    <dd>
      record <code>{seq}</code> of <code>{writer}</code>
    </dd>
    <Fact name="hash" value={hash} />
    {anchor != null && <Fact name="anchor" value={anchor} />}
  </>
)

const Details = ({ record, id }: { readonly record: AuditRecord; readonly id: string }) => (
  <dl class="facts audit-facts" id={id}>
    <dt>means</dt>
    <dd>{auditEvents[record.event].means}</dd>
    {Object.entries(record).map(([name, value]) =>
      value === null || elsewhere.has(name) ? null : <Fact key={name} name={name} value={value} />,
    )}
    <Place record={record} />
  </dl>
)

export const AuditLine = ({ record }: { readonly record: AuditRecord }) => {
  const open = useSignal(false)
  const at = Date.parse(record.time)
  const id = `record-${record.writer}-${record.seq}`
  return (
    <li class={`audit-line outcome-${record.outcome}`}>
      <button
        type="button"
        class="audit-row"
        aria-expanded={open.value}
        aria-controls={id}
        onClick={() => {
          // Whoever marks text does not mean to open it.
          if (getSelection()?.isCollapsed !== false) open.value = !open.value
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
      {open.value && <Details record={record} id={id} />}
    </li>
  )
}

/** Up and down go from line to line, as they do in a list. */
export const walkLines = (event: KeyboardEvent & { readonly currentTarget: HTMLElement }): void => {
  const steps = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (steps === undefined || event.altKey || event.ctrlKey || event.metaKey) return
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>('.audit-row')]
  const here = event.target instanceof HTMLElement ? rows.indexOf(event.target) : -1
  const next = here < 0 ? undefined : rows[here + steps]
  if (next === undefined) return
  event.preventDefault()
  next.focus()
}
