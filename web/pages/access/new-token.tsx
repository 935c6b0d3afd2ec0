/** Making a token: what for, what it reads, of what, for how long, from where. The secret is shown once. */
import { useSignal } from '@preact/signals'
import { formatId, parseId } from '../../../protocol/ids.ts'
import { type TokenRead, type TokenScope, tokenMade, tokenReads } from '../../../protocol/script-tokens.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Field } from '../../parts/field.tsx'
import { Banner, Said } from '../../parts/states.tsx'
import { type ApiError, asApiError } from '../../state/api.ts'
import { api } from '../../state/session.ts'
import { accountViews } from '../../state/site.ts'

const dayMs = 24 * 3_600_000
const days: readonly number[] = [1, 7, 30, 90, 180, 365]

const means: Readonly<Record<TokenRead, string>> = {
  view: 'states of workflows, tasks and jobs',
  logs: 'job logs and outputs',
  source: 'definitions, files and settings',
  search: 'search in logs, which takes logs too',
  wall: 'the whole site as it changes, and nothing else',
}

/** What is typed, one id each; undefined for what is no account and no workflow. */
const targetsIn = (text: string): TokenScope['on'] | undefined => {
  const words = text.split(/[\s,]+/).filter((word) => word !== '')
  if (words.length === 0) return null
  const parsed = words.map((word) => parseId(word.startsWith('~') ? word : `~${word}`))
  const found = parsed.flatMap((id) =>
    id === undefined || id.cycle !== undefined || id.task !== undefined
      ? []
      : [
          id.workflow === undefined
            ? { account: id.account }
            : { account: id.account, workflow: id.workflow },
        ],
  )
  return found.length === words.length ? found : undefined
}

const dayWords = (count: number): string => (count === 1 ? '1 day' : `${count} days`)

export const NewTokenDialog = ({
  lasts,
  onClose,
  onMade,
}: {
  readonly lasts: { readonly default: number; readonly most: number }
  readonly onClose: () => void
  readonly onMade: (secret: string) => void
}) => {
  const name = useSignal('')
  const reads = useSignal<readonly TokenRead[]>(['view'])
  const on = useSignal('')
  const from = useSignal('')
  const chosenDays = useSignal<number | undefined>(undefined)
  const tried = useSignal(false)
  const failed = useSignal<ApiError | undefined>(undefined)
  const targets = targetsIn(on.value)
  const toggle = (read: TokenRead) => {
    const has = reads.value.includes(read)
    const kept = reads.value.filter((one) => one !== read && one !== 'wall')
    // The wall goes with nothing else.
    reads.value = has ? kept : read === 'wall' ? ['wall'] : [...kept, read]
  }
  const problems = {
    name: name.value.trim() === '' ? 'Say what it is for.' : undefined,
    reads: reads.value.length === 0 ? 'Choose at least one.' : undefined,
    on: targets === undefined ? 'Write ~ACCOUNT or ~ACCOUNT/WORKFLOW, separated by blanks.' : undefined,
  }
  const submit = async () => {
    tried.value = true
    if (targets === undefined || Object.values(problems).some((problem) => problem !== undefined)) return
    const addresses = from.value.split(/[\s,]+/).filter((word) => word !== '')
    try {
      const { token } = await api.post(
        '/api/tokens',
        {
          name: name.value.trim(),
          scope: { reads: reads.value, on: targets },
          ...(chosenDays.value === undefined ? {} : { lasts: chosenDays.value * dayMs }),
          ...(addresses.length === 0 ? {} : { addresses }),
        },
        tokenMade,
      )
      onMade(token)
    } catch (thrown) {
      failed.value = asApiError(thrown)
    }
  }
  const said = (problem: string | undefined) => (tried.value ? problem : undefined)
  return (
    <Dialog
      title="New token for a script"
      wide
      onClose={onClose}
      onSubmit={() => void submit()}
      actions={
        <>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary">
            Create
          </button>
        </>
      }
    >
      {failed.value !== undefined && (
        <Banner tone="bad">
          <Said code={failed.value.code} text={failed.value.message} />
        </Banner>
      )}
      <Field
        label="Name"
        hint="What it is for, for those who look at the list."
        problem={said(problems.name)}
      >
        {(input) => (
          <input
            {...input}
            type="text"
            maxLength={64}
            value={name.value}
            onInput={(event) => {
              name.value = event.currentTarget.value
            }}
          />
        )}
      </Field>
      <fieldset class="choices">
        <legend>Reads</legend>
        {tokenReads.map((read) => (
          <label key={read} class="choice">
            <input type="checkbox" checked={reads.value.includes(read)} onChange={() => toggle(read)} />
            <span>
              <strong>{read}</strong>
              <small>{means[read]}</small>
            </span>
          </label>
        ))}
        {said(problems.reads) !== undefined && (
          <span class="problem" role="alert">
            {problems.reads}
          </span>
        )}
      </fieldset>
      <Field
        label="Of these alone (optional)"
        hint="Accounts or workflows, such as ~forecast or ~forecast/nightly; none: all that you may view."
        problem={said(problems.on)}
      >
        {(input) => (
          <input
            {...input}
            type="text"
            list="token-targets"
            value={on.value}
            onInput={(event) => {
              on.value = event.currentTarget.value
            }}
          />
        )}
      </Field>
      <datalist id="token-targets">
        {accountViews.value.map(({ account }) => (
          <option key={account.account} value={formatId({ account: account.account })} />
        ))}
      </datalist>
      <Field
        label="Only from (optional)"
        hint="Addresses or ranges such as 192.0.2.0/24; none: from anywhere."
        problem={undefined}
      >
        {(input) => (
          <input
            {...input}
            type="text"
            value={from.value}
            onInput={(event) => {
              from.value = event.currentTarget.value
            }}
          />
        )}
      </Field>
      <Field label="Good for" hint="Then it ends by itself." problem={undefined}>
        {(input) => (
          <select
            {...input}
            value={chosenDays.value ?? ''}
            onChange={(event) => {
              const { value } = event.currentTarget
              chosenDays.value = value === '' ? undefined : Number(value)
            }}
          >
            <option value="">{dayWords(Math.floor(lasts.default / dayMs))}, as usual here</option>
            {days
              .filter((count) => count * dayMs <= lasts.most && count * dayMs !== lasts.default)
              .map((count) => (
                <option key={count} value={count}>
                  {dayWords(count)}
                </option>
              ))}
          </select>
        )}
      </Field>
    </Dialog>
  )
}

export const SecretDialog = ({
  secret,
  onClose,
}: {
  readonly secret: string
  readonly onClose: () => void
}) => {
  const copied = useSignal(false)
  return (
    <Dialog title="Your new token" onClose={onClose}>
      <p>It is shown now and never again. Whoever has it reads what you chose, as you.</p>
      <pre class="address" role="region" tabIndex={0} aria-label="Token">
        {secret}
      </pre>
      <p class="hint">
        Put it into a file that nobody else can read, and give that to <code>--token-file</code>; or send it
        as <code>Authorization: Bearer</code>.
      </p>
      <button
        type="button"
        class="button"
        onClick={() => void navigator.clipboard.writeText(secret).then(() => (copied.value = true))}
      >
        {copied.value ? 'Copied' : 'Copy'}
      </button>
    </Dialog>
  )
}
