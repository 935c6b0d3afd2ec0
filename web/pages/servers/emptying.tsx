/** Taking a host out of service: first it takes no new servers, then those that run move away. */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import type { HostsRow, MigrationWhich } from '../../../protocol/fleet.ts'
import { counted } from '../../model/units.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { EndedBanner } from '../../parts/ended-banner.tsx'
import { Field } from '../../parts/field.tsx'
import { Banner, Said } from '../../parts/states.tsx'
import { type ApiError, asApiError } from '../../state/api.ts'
import { api } from '../../state/session.ts'

type Props = {
  readonly host: HostsRow
  readonly path: string
  readonly onClose: () => void
  readonly onDone: () => void
}

const Asking = ({
  title,
  verb,
  ready,
  ask,
  onClose,
  onDone,
  path,
  children,
}: Omit<Props, 'host'> & {
  readonly title: string
  readonly verb: string
  readonly ready: boolean
  readonly ask: object
  readonly children: ComponentChildren
}) => {
  const failed = useSignal<ApiError | undefined>(undefined)
  const submit = async () => {
    try {
      await api.change('POST', path, ask)
      onDone()
    } catch (thrown) {
      failed.value = asApiError(thrown)
    }
  }
  return (
    <Dialog
      title={title}
      tone="danger"
      onClose={onClose}
      onSubmit={() => void submit()}
      actions={
        <>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button danger" disabled={!ready}>
            {verb}
          </button>
        </>
      }
    >
      <EndedBanner needed="write" />
      {failed.value !== undefined && (
        <Banner tone="bad">
          <Said code={failed.value.code} text={failed.value.message} />
        </Banner>
      )}
      {children}
    </Dialog>
  )
}

export const CondemnDialog = ({ host, ...asking }: Props) => {
  const reason = useSignal('')
  const ask = { reason: reason.value.trim() }
  return (
    <Asking {...asking} title={`Condemn ${host.host}`} verb="Condemn" ready={ask.reason !== ''} ask={ask}>
      <p>
        No server starts on {host.host} any more. {counted(host.servers, 'server')} of this hub{' '}
        {host.servers === 1 ? 'runs' : 'run'} there and {host.servers === 1 ? 'goes' : 'go'} on until moved.
      </p>
      <Field label="Reason" hint="It stands beside the host and in the audit log." problem={undefined}>
        {(input) => (
          <input
            {...input}
            type="text"
            maxLength={500}
            required
            value={reason.value}
            onInput={(event) => {
              reason.value = event.currentTarget.value
            }}
          />
        )}
      </Field>
    </Asking>
  )
}

const choices: Readonly<Record<MigrationWhich, { readonly label: string; readonly effect: string }>> = {
  idle: {
    label: 'Those that nobody looks at',
    effect: 'They end, and start elsewhere when they are wanted.',
  },
  all: {
    label: 'All',
    effect: 'Those that somebody looks at come up elsewhere at once; the pages reconnect by themselves.',
  },
}

export const EmptyDialog = ({ host, ...asking }: Props) => {
  const which = useSignal<MigrationWhich>('idle')
  return (
    <Asking
      {...asking}
      title={`Move servers away from ${host.host}`}
      verb="Move"
      ready
      ask={{ which: which.value }}
    >
      <fieldset class="choices">
        <legend>Which</legend>
        {(['idle', 'all'] as const).map((one) => (
          <label key={one} class="choice">
            <input
              type="radio"
              name="which"
              checked={which.value === one}
              onChange={() => {
                which.value = one
              }}
            />
            <span>
              <strong>{choices[one].label}</strong>
              <small>{choices[one].effect}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <p class="hint">
        A few at a time; if one does not come up again, the others stay. Jobs and workflows are not touched.
      </p>
    </Asking>
  )
}
