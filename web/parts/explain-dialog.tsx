/** Who may do what here and why: the hub's answer, the rule and its line, in its own words. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { type ExplainBody, explainAllBody } from '../../protocol/api.ts'
import { personName } from '../../protocol/ids.ts'
import { catalogue, type PermissionClass, permissionClasses } from '../../protocol/permissions.ts'
import { closeDialog } from '../state/acting.ts'
import { type ApiError, asApiError } from '../state/api.ts'
import { api, viewer } from '../state/session.ts'
import { allowedOn } from '../state/site.ts'
import { Dialog } from './dialog.tsx'
import { Field } from './field.tsx'
import { Icon } from './glyph.tsx'
import { Banner } from './states.tsx'

type Props = { readonly account: string; readonly workflow: string; readonly action: string | undefined }

const Answer = ({ answer }: { readonly answer: ExplainBody }) => (
  <div class={`answer ${answer.allowed ? 'yes' : 'no'}`} role="status">
    <p>{answer.reason}</p>
    <small>
      {answer.layer !== null && `Decided by the ${answer.layer} layer`}
      {answer.rule !== null && `, key “${answer.rule}”`}
      {answer.principal !== null && `, principal “${answer.principal}”`}
      {answer.file !== null && ` (${answer.file}${answer.line === null ? '' : `:${answer.line}`})`}
      {answer.elevation !== null && answer.allowed && ` — needs privileges raised to ${answer.elevation}`}
    </small>
  </div>
)

/** For owners, administrators and auditors: about whom. */
const WhomField = ({
  person,
  onAsk,
}: {
  readonly person: string
  readonly onAsk: (person: string) => void
}) => {
  const name = useSignal(person)
  const ask = () => {
    if (personName.safeParse(name.value.trim()).success) onAsk(name.value.trim())
  }
  return (
    <Field
      label="About"
      hint="Anybody who signed in here before. That you asked is recorded."
      problem={undefined}
    >
      {(input) => (
        <span class="with-button">
          <input
            {...input}
            type="text"
            maxLength={64}
            autocomplete="off"
            value={name.value}
            onInput={(event) => {
              name.value = event.currentTarget.value
            }}
            onKeyDown={(event) => {
              if (event.key !== 'Enter') return
              event.preventDefault()
              ask()
            }}
          />
          <button type="button" class="button" onClick={ask}>
            Ask
          </button>
        </span>
      )}
    </Field>
  )
}

export const ExplainDialog = ({ account, workflow, action }: Props) => {
  const self = viewer.value?.person ?? ''
  const person = useSignal(self)
  const opened = useSignal(action)
  const answers = useSignal<ReadonlyMap<string, ExplainBody> | undefined>(undefined)
  const failed = useSignal<ApiError | undefined>(undefined)
  const allowed = allowedOn(account, workflow)
  const roles = viewer.value?.roles ?? []
  const mayAskAboutOthers =
    allowed.permissions === true || roles.includes('admin') || roles.includes('auditor')

  useEffect(() => {
    const stop = new AbortController()
    answers.value = undefined
    const query = new URLSearchParams({ person: person.value, account, workflow })
    api.get(`/api/explain/all?${query}`, explainAllBody, { signal: stop.signal }).then(
      (body) => {
        answers.value = new Map(body.answers.map((one) => [one.action, one]))
        failed.value = undefined
      },
      (thrown: unknown) => {
        if (!stop.signal.aborted) failed.value = asApiError(thrown)
      },
    )
    return () => stop.abort()
  }, [person.value, account, workflow, answers, failed])

  const row = (group: PermissionClass, name: string, means: string) => {
    const answer = answers.value?.get(name)
    const known = (allowed as Readonly<Record<string, boolean | undefined>>)[name]
    const may = answer?.allowed ?? (person.value === self && known === true)
    return (
      <li key={name} class={may ? 'may' : 'may-not'}>
        <Icon name={may ? 'check' : 'close'} />
        <span>
          <span class="sr">{may ? 'may: ' : 'may not: '}</span>
          {means}
          {may && (group === 'execute' || group === 'write' || group === 'own') && (
            <small> with raised privileges</small>
          )}
        </span>
        <button
          type="button"
          class="link"
          aria-label={`Why: ${name}`}
          aria-pressed={opened.value === name}
          onClick={() => {
            opened.value = opened.value === name ? undefined : name
          }}
        >
          why?
        </button>
        {opened.value === name && answer !== undefined && <Answer answer={answer} />}
      </li>
    )
  }
  const whom = person.value === self ? 'you' : person.value
  return (
    <Dialog title={`What ${whom} may do with ${account}/${workflow}`} wide onClose={closeDialog}>
      {mayAskAboutOthers && (
        <WhomField
          person={person.value}
          onAsk={(name) => {
            person.value = name
          }}
        />
      )}
      {failed.value !== undefined && <Banner tone="bad">{failed.value.message}</Banner>}
      {failed.value === undefined && (
        <ul class="rights">
          {permissionClasses.flatMap((group) =>
            Object.entries(catalogue[group]).map(([name, means]) => row(group, name, means)),
          )}
        </ul>
      )}
    </Dialog>
  )
}
