/** The dialogs on the way to an action: raise privileges, confirm, explain. One stands at a time. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { actionOf } from '../../protocol/actions/registry.ts'
import { type ElevationClass, elevationFor } from '../../protocol/permissions.ts'
import { lengthOf } from '../model/time.ts'
import { type Args, closeDialog, dialog, leaveRaise, perform, raise, type Wanted } from '../state/acting.ts'
import { type ApiError, asApiError } from '../state/api.ts'
import { shownAgain } from '../state/raising.ts'
import { nameOf } from '../state/requests.ts'
import { viewer } from '../state/session.ts'
import { ArgumentFields } from './arguments.tsx'
import { Dialog } from './dialog.tsx'
import { EndedBanner } from './ended-banner.tsx'
import { ExplainDialog } from './explain-dialog.tsx'
import { Field } from './field.tsx'
import { Banner, Said } from './states.tsx'

const levels: readonly { readonly class: ElevationClass; readonly label: string; readonly means: string }[] =
  [
    { class: 'execute', label: 'Execute', means: 'play, pause, stop, hold, trigger, kill and the like' },
    { class: 'write', label: 'Write', means: 'change settings and definitions, and everything of execute' },
  ]

/** Offered where the site allows more. */
const raiseMinutes: readonly number[] = [1, 5, 15, 30, 60, 240]

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
  const leave = () => leaveRaise(wanted)
  useEffect(() => {
    busy.value = false
  }, [shownAgain.value])
  const tried = useSignal(false)
  const shorter = useSignal<number | undefined>(undefined)
  const terms = viewer.value?.site.elevation[chosen.value]
  const needsReason = terms?.reasonRequired === true
  const lacksReason = needsReason && reason.value.trim() === ''
  const longest = terms?.longest ?? 0
  const shorterTimes = raiseMinutes.filter((minutes) => minutes * 60_000 < longest)
  // What was chosen for one class may be more than another allows.
  const minutes = shorterTimes.find((one) => one === shorter.value)
  const submit = async () => {
    tried.value = true
    if (lacksReason) return
    busy.value = true
    failed.value = undefined
    try {
      await raise({ class: chosen.value, reason: reason.value.trim(), minutes }, wanted)
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
      onClose={leave}
      onSubmit={() => void submit()}
      actions={
        <>
          <button type="button" class="button" onClick={leave}>
            {wanted?.args === undefined ? 'Cancel' : 'Back to what you entered'}
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
        label={`Reason${needsReason ? '' : ' (optional)'}`}
        hint="It stands in the audit log."
        problem={tried.value && lacksReason ? 'This site asks for a reason.' : undefined}
      >
        {(input) => (
          <input
            {...input}
            type="text"
            maxLength={1000}
            aria-required={needsReason}
            value={reason.value}
            onInput={(event) => {
              reason.value = event.currentTarget.value
            }}
          />
        )}
      </Field>
      <Field label="For" hint="A fixed time: using it does not make it longer." problem={undefined}>
        {(input) => (
          <select
            {...input}
            value={minutes ?? ''}
            onChange={(event) => {
              shorter.value = event.currentTarget.value === '' ? undefined : Number(event.currentTarget.value)
            }}
          >
            {shorterTimes.map((one) => (
              <option key={one} value={one}>
                {lengthOf(one * 60_000)}
              </option>
            ))}
            <option value="">{lengthOf(longest)}</option>
          </select>
        )}
      </Field>
      <p class="hint">
        You will sign in again at the identity provider
        {terms?.stronger === true && ', which asks for more than usual'}. Raised privileges hold in this
        browser only.
        {what !== undefined && ' Then you are asked once more; nothing is done by itself.'}
      </p>
    </Dialog>
  )
}

const ConfirmDialog = ({ wanted, returned }: { readonly wanted: Wanted; readonly returned: boolean }) => {
  const args = useSignal<Args | undefined>({})
  const tried = useSignal(false)
  const action = actionOf(wanted.action)
  const needed = elevationFor(action.class)
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
      {needed !== undefined && <EndedBanner needed={needed} />}
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
