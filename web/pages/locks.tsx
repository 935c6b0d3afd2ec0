/** Locks: a person, an account or a host shut out at once. Administrators set and lift them. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { type LocksBody, locksBody } from '../../protocol/api.ts'
import { type Lock, type LockKind, lock, lockKinds, nameOfLock } from '../../protocol/locks.ts'
import { Dialog } from '../parts/dialog.tsx'
import { EndedBanner } from '../parts/ended-banner.tsx'
import { Field } from '../parts/field.tsx'
import { Refused } from '../parts/refused.tsx'
import { Banner, Blank } from '../parts/states.tsx'
import { Time } from '../parts/time.tsx'
import { useTitle } from '../parts/title.ts'
import { dialog } from '../state/acting.ts'
import { type ApiError, asApiError } from '../state/api.ts'
import { api, elevationClass, viewer } from '../state/session.ts'
import { Missing } from './missing.tsx'

const path = '/api/admin/locks'
const lengths = [
  { label: 'until somebody lifts it', minutes: undefined },
  { label: '1 hour', minutes: 60 },
  { label: '8 hours', minutes: 480 },
  { label: '1 day', minutes: 1440 },
  { label: '7 days', minutes: 10_080 },
] as const
const effects: Readonly<Record<LockKind, string>> = {
  person: 'Their pages close, they can do nothing here or from a shell, and what they had queued is refused.',
  account: 'Nobody views it or acts on it, its own shell neither. What runs goes on.',
  host: 'Nobody is let through to servers on it, and none is started there. Jobs go on.',
}

const SetDialog = ({ onClose, onMade }: { readonly onClose: () => void; readonly onMade: () => void }) => {
  const kind = useSignal<LockKind>('person')
  const name = useSignal('')
  const reason = useSignal('')
  const minutes = useSignal<number | undefined>(undefined)
  const failed = useSignal<ApiError | undefined>(undefined)
  const isOwn = failed.value?.code === 'lock.own'
  const submit = async () => {
    try {
      await api.post(
        path,
        {
          on: { kind: kind.value, name: name.value.trim() },
          reason: reason.value.trim(),
          ...(minutes.value === undefined ? {} : { minutes: minutes.value }),
          ...(isOwn ? { sure: true } : {}),
        },
        lock,
      )
      onMade()
    } catch (thrown) {
      failed.value = asApiError(thrown)
    }
  }
  return (
    <Dialog
      title="New lock"
      tone="danger"
      onClose={onClose}
      onSubmit={() => void submit()}
      actions={
        <>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            class="button danger"
            disabled={name.value.trim() === '' || reason.value.trim() === ''}
          >
            {isOwn ? 'Lock all the same' : 'Lock'}
          </button>
        </>
      }
    >
      <EndedBanner needed="write" />
      {failed.value !== undefined && <Banner tone="bad">{failed.value.message}</Banner>}
      <fieldset class="choices">
        <legend>What</legend>
        {lockKinds.map((one) => (
          <label key={one} class="choice">
            <input
              type="radio"
              name="kind"
              checked={kind.value === one}
              onChange={() => {
                kind.value = one
                failed.value = undefined
              }}
            />
            <span>
              <strong>{one}</strong>
              <small>{effects[one]}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <Field label="Name" hint="As it stands on the pages." problem={undefined}>
        {(input) => (
          <input
            {...input}
            type="text"
            maxLength={255}
            required
            value={name.value}
            onInput={(event) => {
              name.value = event.currentTarget.value
              failed.value = undefined
            }}
          />
        )}
      </Field>
      <Field label="Reason" hint="It stands in the audit log." problem={undefined}>
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
      <Field label="For" hint="Then it ends by itself." problem={undefined}>
        {(input) => (
          <select
            {...input}
            value={minutes.value ?? ''}
            onChange={(event) => {
              minutes.value = event.currentTarget.value === '' ? undefined : Number(event.currentTarget.value)
            }}
          >
            {lengths.map((one) => (
              <option key={one.label} value={one.minutes ?? ''}>
                {one.label}
              </option>
            ))}
          </select>
        )}
      </Field>
    </Dialog>
  )
}

const Elsewhere = ({ body }: { readonly body: LocksBody }) => {
  const { persons, accounts, hosts } = body.elsewhere
  const told = [
    ...persons.map((name) => `person ${name}`),
    ...accounts.map((name) => `account ${name}`),
    ...hosts.map((name) => `host ${name}`),
  ]
  if (told.length === 0) return null
  return (
    <p class="hint">
      Also locked, in a site file or by those who run a daemon, and lifted there: {told.join(', ')}.
    </p>
  )
}

const Row = ({
  one,
  raised,
  onLift,
}: {
  readonly one: Lock
  readonly raised: boolean
  readonly onLift: () => void
}) => (
  <tr>
    <th scope="row">{nameOfLock(one)}</th>
    <td>{one.reason}</td>
    <td>
      {one.by}, <Time at={one.at} />
    </td>
    <td>{one.until === null ? 'lifted' : <Time at={one.until} />}</td>
    <td>
      {raised && (
        <button type="button" class="button small" aria-label={`Lift ${nameOfLock(one)}`} onClick={onLift}>
          Lift
        </button>
      )}
    </td>
  </tr>
)

/** A daemon that was down hears of it later: the page says so as long as that lasts, ms. */
const lookAgain = 2000

export const Locks = () => {
  useTitle('Locks')
  const body = useSignal<LocksBody | undefined>(undefined)
  const failed = useSignal<ApiError | undefined>(undefined)
  const setting = useSignal(false)
  // Administration takes the higher class.
  const raised = elevationClass.value === 'write'
  const admin = viewer.value?.roles.includes('admin') === true
  const load = async () => {
    try {
      body.value = await api.get(path, locksBody)
      failed.value = undefined
    } catch (thrown) {
      failed.value = asApiError(thrown)
    }
  }
  const waiting = body.value?.daemons.filter(({ current }) => !current) ?? []
  useEffect(() => {
    if (admin) void load()
  }, [admin, raised])
  useEffect(() => {
    if (waiting.length === 0) return
    const timer = setTimeout(() => void load(), lookAgain)
    return () => clearTimeout(timer)
  }, [body.value])
  const lift = async (one: Lock) => {
    try {
      await api.change('DELETE', `${path}/${encodeURIComponent(one.id)}`)
      await load()
    } catch (thrown) {
      failed.value = asApiError(thrown)
    }
  }
  const offerRaise = () => {
    dialog.value = { kind: 'raise', class: 'write', wanted: undefined }
  }
  if (!admin) return <Missing />
  return (
    <div class="page locks">
      <header class="page-head">
        <h1>Locks</h1>
        <span class="hint">Who or what is shut out at once, whatever permissions say.</span>
        <span class="spring" />
        <button
          type="button"
          class="button danger"
          onClick={() => {
            if (raised) setting.value = true
            else offerRaise()
          }}
        >
          New lock
        </button>
      </header>
      <Refused error={failed.value} />
      {waiting.length > 0 && (
        <Banner tone="plain">
          In force at this hub. Not yet at {waiting.map(({ daemon }) => `daemon ${daemon}`).join(', ')}: until
          then requests that are queued there already, and shells of accounts, are not stopped.
        </Banner>
      )}
      {body.value === undefined && failed.value === undefined && <Blank title="Loading locks" busy />}
      {body.value?.locks.length === 0 && <Blank title="Nothing is locked here" />}
      {body.value !== undefined && body.value.locks.length > 0 && (
        <div class="table-frame">
          <table>
            <thead>
              <tr>
                {['What', 'Reason', 'Set', 'Until', ''].map((label) => (
                  <th key={label} scope="col">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {body.value.locks.map((one) => (
                <Row key={one.id} one={one} raised={raised} onLift={() => void lift(one)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {body.value !== undefined && <Elsewhere body={body.value} />}
      {setting.value && (
        <SetDialog
          onClose={() => {
            setting.value = false
          }}
          onMade={() => {
            setting.value = false
            void load()
          }}
        />
      )}
    </div>
  )
}
