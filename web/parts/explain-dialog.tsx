/** What I may do here and why: the hub's answer, the rule and its line, in its own words. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { type ExplainBody, explainBody } from '../../protocol/api.ts'
import { catalogue, type PermissionClass, permissionClasses } from '../../protocol/permissions.ts'
import { closeDialog } from '../state/acting.ts'
import { type ApiError, asApiError } from '../state/api.ts'
import { api, viewer } from '../state/session.ts'
import { allowedOn } from '../state/site.ts'
import { Dialog } from './dialog.tsx'
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

export const ExplainDialog = ({ account, workflow, action }: Props) => {
  const asked = useSignal(action)
  const answer = useSignal<ExplainBody | undefined>(undefined)
  const failed = useSignal<ApiError | undefined>(undefined)
  const allowed = allowedOn(account, workflow)

  useEffect(() => {
    const name = asked.value
    if (name === undefined) return undefined
    const stop = new AbortController()
    const query = new URLSearchParams({
      person: viewer.peek()?.person ?? '',
      action: name,
      account,
      workflow,
    })
    api.get(`/api/explain?${query}`, explainBody, { signal: stop.signal }).then(
      (body) => {
        answer.value = body
        failed.value = undefined
      },
      (thrown: unknown) => {
        if (!stop.signal.aborted) failed.value = asApiError(thrown)
      },
    )
    return () => stop.abort()
  }, [asked.value, account, workflow, answer, failed])

  const row = (group: PermissionClass, name: string, means: string) => {
    const may = (allowed as Readonly<Record<string, boolean | undefined>>)[name] === true
    return (
      <li key={name} class={may ? 'may' : 'may-not'}>
        <Icon name={may ? 'check' : 'close'} />
        <span>
          {means}
          {may && (group === 'execute' || group === 'write' || group === 'own') && (
            <small> with raised privileges</small>
          )}
        </span>
        <button
          type="button"
          class="link"
          aria-label={`Why: ${name}`}
          aria-pressed={asked.value === name}
          onClick={() => {
            asked.value = name
          }}
        >
          why?
        </button>
        {asked.value === name && answer.value?.action === name && <Answer answer={answer.value} />}
      </li>
    )
  }
  return (
    <Dialog title={`What you may do with ${account}/${workflow}`} wide onClose={closeDialog}>
      {failed.value !== undefined && <Banner tone="bad">{failed.value.message}</Banner>}
      <ul class="rights">
        {permissionClasses.flatMap((group) =>
          Object.entries(catalogue[group]).map(([name, means]) => row(group, name, means)),
        )}
      </ul>
    </Dialog>
  )
}
