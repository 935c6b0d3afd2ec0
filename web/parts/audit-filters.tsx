/** What of the audit log is asked for. It stands in the address: a filtered log can be handed on. */
import { actionNames } from '../../protocol/actions/registry.ts'
import { auditOutcomes } from '../../protocol/audit.ts'
import { setQuery } from '../router.ts'
import { type AuditFilter, auditEventNames, auditFilters } from '../state/audit.ts'
import { accountViews } from '../state/site.ts'
import { SearchField } from './search-field.tsx'

type ChoiceProps = {
  readonly label: string
  readonly every: string
  readonly names: readonly string[]
  readonly value: string
  readonly onChange: (value: string) => void
}

const Choice = ({ label, every, names, value, onChange }: ChoiceProps) => (
  <select aria-label={label} value={value} onChange={(change) => onChange(change.currentTarget.value)}>
    <option value="">{every}</option>
    {/* Out of the address may come what is not offered. */}
    {[...names, ...(value === '' || names.includes(value) ? [] : [value])].map((name) => (
      <option key={name} value={name}>
        {name}
      </option>
    ))}
  </select>
)

/** ISO 8601 as the field has it: local, without zone, minutes. */
const fieldOf = (iso: string): string => {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return ''
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
const isoOf = (field: string): string | null => {
  const at = new Date(field)
  return Number.isNaN(at.getTime()) ? null : at.toISOString()
}

const Time = ({
  label,
  value,
  onChange,
}: {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string | null) => void
}) => (
  <label class="range">
    <span>{label}</span>
    <input
      type="datetime-local"
      value={fieldOf(value)}
      onChange={(change) => onChange(isoOf(change.currentTarget.value))}
    />
  </label>
)

export const AuditFilters = ({ filter }: { readonly filter: AuditFilter }) => {
  const set = (key: keyof AuditFilter) => (value: string | null) => setQuery({ [key]: value })
  const accounts = accountViews.value.map(({ account }) => account.account)
  return (
    <div class="filters" role="search">
      <SearchField label="Text" value={filter.text} onChange={set('text')} />
      <SearchField label="Person" value={filter.person} onChange={set('person')} />
      <Choice
        label="Account"
        every="Every account"
        names={accounts}
        value={filter.account}
        onChange={set('account')}
      />
      <SearchField label="Workflow" value={filter.workflow} onChange={set('workflow')} />
      <Choice
        label="Action"
        every="Every action"
        names={actionNames}
        value={filter.action}
        onChange={set('action')}
      />
      <Choice
        label="Event"
        every="Every event"
        names={auditEventNames}
        value={filter.event}
        onChange={set('event')}
      />
      <Choice
        label="Outcome"
        every="Every outcome"
        names={auditOutcomes}
        value={filter.outcome}
        onChange={set('outcome')}
      />
      <Time label="from" value={filter.since} onChange={set('since')} />
      <Time label="to" value={filter.until} onChange={set('until')} />
      {auditFilters.some((name) => filter[name] !== '') && (
        <button
          type="button"
          class="link"
          onClick={() => setQuery(Object.fromEntries(auditFilters.map((name) => [name, null])))}
        >
          clear
        </button>
      )}
    </div>
  )
}
