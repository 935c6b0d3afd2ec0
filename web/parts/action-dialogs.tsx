/** The dialogs on the way to an action: raise privileges, confirm, explain. One stands at a time. */
import { useSignal } from '@preact/signals'
import { actionOf } from '../../protocol/actions/registry.ts'
import type { ElevationClass } from '../../protocol/permissions.ts'
import { lengthOf } from '../model/time.ts'
import { closeDialog, dialog, perform, raise, type Wanted } from '../state/acting.ts'
import { type ApiError, asApiError } from '../state/api.ts'
import { nameOf } from '../state/requests.ts'
import { viewer } from '../state/session.ts'
import { type Args, ArgumentFields } from './arguments.tsx'
import { Dialog } from './dialog.tsx'
import { ExplainDialog } from './explain-dialog.tsx'
import { Field } from './field.tsx'
import { Banner, Said } from './states.tsx'

const levels: readonly { readonly class: ElevationClass; readonly label: string; readonly means: string }[] =
  [
    { class: 'execute', label: 'Execute', means: 'play, pause, stop, hold, trigger, kill and the like' },
    { class: 'write', label: 'Write', means: 'change settings and definitions, and everything of execute' },
  ]

type RaiseProps = {
  readonly needed: ElevationClass
  readonly wanted: Wanted | undefined
  readonly note: string | undefined
}

const RaiseDialog = ({ needed, wanted, note }: RaiseProps) => {
  const chosen = useSignal<ElevationClass>(needed)
  const reason = useSignal('')
  const failed = useSignal<ApiError | undefined>(undefined)
  const busy = useSignal(false)
  const tried = useSignal(false)
  const facts = viewer.value?.site
  const lacksReason = facts?.reasonRequired === true && reason.value.trim() === ''
  const submit = async () => {
    tried.value = true
    if (lacksReason) return
    busy.value = true
    failed.value = undefined
    try {
      await raise(chosen.value, reason.value.trim(), wanted)
    } catch (thrown) {
      failed.value = asApiError(thrown)
      busy.value = false
    }
  }
  const what =
    wanted === undefined
      ? undefined
      : `${actionOf(wanted.action).label.toLowerCase()} ${nameOf(wanted.target)}`
  return (
    <Dialog
      title={what === undefined ? 'Raise privileges' : `Raise privileges to ${what}`}
      tone="raise"
      onClose={closeDialog}
      onSubmit={() => void submit()}
      actions={
        <>
          <button type="button" class="button" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={busy.value}>
            {busy.value
              ? 'Asking the identity provider …'
              : failed.value === undefined
                ? 'Sign in again and raise'
                : 'Try again'}
          </button>
        </>
      }
    >
      {note !== undefined && <Banner tone="plain">{note}</Banner>}
      {failed.value !== undefined && (
        <Banner tone="bad">
          <Said code={failed.value.code} text={failed.value.message} />
        </Banner>
      )}
      <fieldset class="choices">
        <legend>Raise to</legend>
        {levels.map((level) => (
          <label key={level.class} class="choice">
            <input
              type="radio"
              name="class"
              checked={chosen.value === level.class}
              disabled={needed === 'write' && level.class === 'execute'}
              onChange={() => {
                chosen.value = level.class
              }}
            />
            <span>
              <strong>{level.label}</strong>
              <small>{level.means}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <Field
        label={`Reason${facts?.reasonRequired === true ? '' : ' (optional)'}`}
        hint="It stands in the audit log."
        problem={tried.value && lacksReason ? 'This site asks for a reason.' : undefined}
      >
        {(input) => (
          <input
            {...input}
            type="text"
            maxLength={1000}
            aria-required={facts?.reasonRequired === true}
            value={reason.value}
            onInput={(event) => {
              reason.value = event.currentTarget.value
            }}
          />
        )}
      </Field>
      <p class="hint">
        You will sign in again at the identity provider. Raised privileges hold in this browser only and end
        after {lengthOf(facts?.elevationMs ?? 0)}.
        {what !== undefined && ' Then you are asked once more; nothing is done by itself.'}
      </p>
    </Dialog>
  )
}

const ConfirmDialog = ({ wanted, returned }: { readonly wanted: Wanted; readonly returned: boolean }) => {
  const args = useSignal<Args | undefined>({})
  const tried = useSignal(false)
  const action = actionOf(wanted.action)
  const { target } = wanted
  const level = target.task === undefined ? 'workflow' : 'task'
  const send = () => {
    tried.value = true
    if (args.value !== undefined) void perform(wanted, args.value)
  }
  return (
    <Dialog
      title={`${action.label}: ${nameOf(target)}?`}
      tone={action.destructive ? 'danger' : 'plain'}
      onClose={closeDialog}
      onSubmit={send}
      actions={
        <>
          <button type="button" class="button" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" class={`button ${action.destructive ? 'danger' : 'primary'}`}>
            {action.label}
          </button>
        </>
      }
    >
      {returned && <Banner tone="plain">Your privileges are raised. This is what you wanted to do.</Banner>}
      <dl class="facts">
        <dt>What</dt>
        <dd>
          {level} <code>{target.task === undefined ? target.workflow : target.task}</code>
          {target.cycle !== undefined && (
            <>
              {' '}
              of cycle <code>{target.cycle}</code> in <code>{target.workflow}</code>
            </>
          )}
        </dd>
        <dt>As account</dt>
        <dd>
          <code>{target.account}</code>
        </dd>
        <dt>Effect</dt>
        <dd>{action.effect}</dd>
      </dl>
      <ArgumentFields wanted={wanted} args={args} tried={tried} />
      <p class="hint">It is recorded in the audit log under your name.</p>
    </Dialog>
  )
}

export const ActionDialogs = () => {
  const state = dialog.value
  switch (state?.kind) {
    case undefined:
      return null
    case 'raise':
      return <RaiseDialog needed={state.class} wanted={state.wanted} note={state.note} />
    case 'confirm':
      return <ConfirmDialog wanted={state.wanted} returned={state.returned} />
    case 'explain':
      return <ExplainDialog account={state.account} workflow={state.workflow} action={state.action} />
  }
}
