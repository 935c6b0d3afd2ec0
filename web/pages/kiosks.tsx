/** Kiosks: browsers that show the wall and can do nothing else. Administrators make, watch and revoke them. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { z } from 'zod/mini'
import { type KioskRow, kioskRow } from '../../protocol/api.ts'
import { Dialog } from '../parts/dialog.tsx'
import { EndedBanner } from '../parts/ended-banner.tsx'
import { Field } from '../parts/field.tsx'
import { Refused } from '../parts/refused.tsx'
import { Banner, Blank } from '../parts/states.tsx'
import { Ago, Time } from '../parts/time.tsx'
import { useTitle } from '../parts/title.ts'
import { pathOf } from '../routes.ts'
import { dialog } from '../state/acting.ts'
import { type ApiError, asApiError } from '../state/api.ts'
import { api, elevationClass, viewer } from '../state/session.ts'
import { accountViews } from '../state/site.ts'
import { Missing } from './missing.tsx'

const listAnswer = z.object({ kiosks: z.readonly(z.array(kioskRow)) })
const createAnswer = z.object({ kiosk: z.union([z.string(), kioskRow]), code: z.string() })
const path = '/api/admin/kiosks'
const dayMs = 24 * 3_600_000
const lengths: readonly number[] = [1, 7, 30, 90, 365]

const stateWords = {
  new: 'not enrolled yet',
  enrolled: 'enrolled',
  revoked: 'revoked',
  expired: 'expired',
} as const

const CreateDialog = ({
  onClose,
  onMade,
}: {
  readonly onClose: () => void
  readonly onMade: (address: string) => void
}) => {
  const name = useSignal('')
  const chosen = useSignal<readonly string[]>([])
  const failed = useSignal<string | undefined>(undefined)
  const names = accountViews.value.map((view) => view.account.account)
  const days = useSignal<number | undefined>(undefined)
  const submit = async () => {
    try {
      const accounts = chosen.value.length === 0 ? {} : { accounts: chosen.value }
      const lasts = days.value === undefined ? {} : { lasts: days.value * dayMs }
      const { code } = await api.post(path, { name: name.value.trim(), ...accounts, ...lasts }, createAnswer)
      onMade(`${location.origin}${pathOf('wall', {})}#enrol=${encodeURIComponent(code)}`)
    } catch (thrown) {
      failed.value = asApiError(thrown).message
    }
  }
  const toggle = (account: string) => {
    const next = new Set(chosen.value)
    if (!next.delete(account)) next.add(account)
    chosen.value = names.filter((item) => next.has(item))
  }
  return (
    <Dialog
      title="New kiosk"
      onClose={onClose}
      onSubmit={() => void submit()}
      actions={
        <>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={name.value.trim() === ''}>
            Create
          </button>
        </>
      }
    >
      {failed.value !== undefined && <Banner tone="bad">{failed.value}</Banner>}
      <label class="field">
        <span>Name</span>
        <input
          type="text"
          maxLength={64}
          required
          placeholder="Operations room, left screen"
          value={name.value}
          onInput={(event) => {
            name.value = event.currentTarget.value
          }}
        />
      </label>
      <fieldset class="choices columns">
        <legend>Accounts</legend>
        {names.map((account) => (
          <label key={account} class="choice">
            <input
              type="checkbox"
              checked={chosen.value.includes(account)}
              onChange={() => toggle(account)}
            />
            <span>{account}</span>
          </label>
        ))}
      </fieldset>
      <p class="hint">None chosen: all that everyone may view.</p>
      <Field label="Ends after" hint="Then its screen goes dark, and a new one is made." problem={undefined}>
        {(input) => (
          <select
            {...input}
            value={days.value ?? ''}
            onChange={(event) => {
              days.value = event.currentTarget.value === '' ? undefined : Number(event.currentTarget.value)
            }}
          >
            <option value="">as usual here</option>
            {lengths.map((count) => (
              <option key={count} value={count}>
                {count === 1 ? '1 day' : `${count} days`}
              </option>
            ))}
          </select>
        )}
      </Field>
    </Dialog>
  )
}

const RenameDialog = ({
  kiosk,
  onClose,
  onRename,
}: {
  readonly kiosk: KioskRow
  readonly onClose: () => void
  readonly onRename: (name: string) => void
}) => {
  const name = useSignal(kiosk.name)
  const wanted = name.value.trim()
  return (
    <Dialog
      title={`Rename ${kiosk.name}`}
      onClose={onClose}
      onSubmit={() => {
        if (wanted !== '') onRename(wanted)
      }}
      actions={
        <>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={wanted === '' || wanted === kiosk.name}>
            Rename
          </button>
        </>
      }
    >
      <EndedBanner needed="write" />
      <Field label="Name" hint="Its screen goes on." problem={undefined}>
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
    </Dialog>
  )
}

const AddressDialog = ({ address, onClose }: { readonly address: string; readonly onClose: () => void }) => {
  const copied = useSignal(false)
  return (
    <Dialog title="Open this address on the screen" onClose={onClose}>
      <p>It enrols one browser, once, and is not shown again.</p>
      <pre class="address" role="region" tabIndex={0} aria-label="Enrol address">
        {address}
      </pre>
      <button
        type="button"
        class="button"
        onClick={() => void navigator.clipboard.writeText(address).then(() => (copied.value = true))}
      >
        {copied.value ? 'Copied' : 'Copy'}
      </button>
    </Dialog>
  )
}

/** Its screen shows nothing any more. */
const isOver = ({ state }: KioskRow): boolean => state === 'revoked' || state === 'expired'

const Row = ({
  kiosk,
  raised,
  onRename,
  onRevoke,
}: {
  readonly kiosk: KioskRow
  readonly raised: boolean
  readonly onRename: () => void
  readonly onRevoke: () => void
}) => (
  <tr class={isOver(kiosk) ? 'over' : ''}>
    <th scope="row">{kiosk.name}</th>
    <td data-label="Accounts">
      {kiosk.accounts === null ? 'all that everyone may view' : kiosk.accounts.join(', ')}
    </td>
    <td data-label="State">{stateWords[kiosk.state]}</td>
    <td data-label="Created">
      {kiosk.createdBy}, <Time at={kiosk.createdAt} />
    </td>
    <td data-label="Enrolled">
      <Time at={kiosk.enrolledAt} />
    </td>
    <td data-label="Last seen">{kiosk.seenAt === null ? 'never' : <Ago at={kiosk.seenAt} />}</td>
    <td data-label="Ends">
      <Time at={kiosk.expiresAt} />
    </td>
    <td>
      {kiosk.state !== 'revoked' && raised && (
        <span class="row-actions">
          <button type="button" class="button small" aria-label={`Rename ${kiosk.name}`} onClick={onRename}>
            Rename
          </button>
          <button
            type="button"
            class="button small danger"
            aria-label={`Revoke ${kiosk.name}`}
            onClick={onRevoke}
          >
            Revoke
          </button>
        </span>
      )}
    </td>
  </tr>
)

export const Kiosks = () => {
  useTitle('Kiosks')
  const list = useSignal<readonly KioskRow[] | undefined>(undefined)
  const failed = useSignal<ApiError | undefined>(undefined)
  const creating = useSignal(false)
  const address = useSignal<string | undefined>(undefined)
  const revoking = useSignal<KioskRow | undefined>(undefined)
  const renaming = useSignal<KioskRow | undefined>(undefined)
  // Administration takes the higher class.
  const raised = elevationClass.value === 'write'
  const admin = viewer.value?.roles.includes('admin') === true
  const load = async () => {
    try {
      list.value = (await api.get(path, listAnswer)).kiosks
      failed.value = undefined
    } catch (thrown) {
      failed.value = asApiError(thrown)
    }
  }
  useEffect(() => {
    if (admin) void load()
  }, [admin, raised])
  const change = async (method: 'POST' | 'DELETE', kiosk: KioskRow, body?: unknown) => {
    revoking.value = undefined
    renaming.value = undefined
    try {
      await api.change(method, `${path}/${encodeURIComponent(kiosk.kiosk)}`, body)
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
    <div class="page kiosks">
      <header class="page-head">
        <h1>Kiosks</h1>
        <span class="hint">Screens that show the wall without anybody signing in.</span>
        <span class="spring" />
        <button
          type="button"
          class="button primary"
          onClick={() => {
            if (raised) creating.value = true
            else offerRaise()
          }}
        >
          New kiosk
        </button>
      </header>
      <Refused error={failed.value} />
      {list.value === undefined && failed.value === undefined && <Blank title="Loading kiosks" busy />}
      {list.value?.length === 0 && <Blank title="No kiosk yet" />}
      {list.value !== undefined && list.value.length > 0 && (
        <div class="table-frame">
          <table class="cards">
            <thead>
              <tr>
                {['Name', 'Accounts', 'State', 'Created', 'Enrolled', 'Last seen', 'Ends', ''].map(
                  (label) => (
                    <th key={label} scope="col">
                      {label}
                    </th>
                  ),
                )}
              </tr>
            </thead>
            <tbody>
              {list.value.map((kiosk) => (
                <Row
                  key={kiosk.kiosk}
                  kiosk={kiosk}
                  raised={raised}
                  onRename={() => {
                    renaming.value = kiosk
                  }}
                  onRevoke={() => {
                    revoking.value = kiosk
                  }}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {creating.value && (
        <CreateDialog
          onClose={() => {
            creating.value = false
          }}
          onMade={(made) => {
            creating.value = false
            address.value = made
            void load()
          }}
        />
      )}
      {address.value !== undefined && (
        <AddressDialog
          address={address.value}
          onClose={() => {
            address.value = undefined
          }}
        />
      )}
      {renaming.value !== undefined && (
        <RenameDialog
          kiosk={renaming.value}
          onClose={() => {
            renaming.value = undefined
          }}
          onRename={(name) => {
            if (renaming.value !== undefined) void change('POST', renaming.value, { name })
          }}
        />
      )}
      {revoking.value !== undefined && (
        <Dialog
          title={`Revoke ${revoking.value.name}?`}
          tone="danger"
          onClose={() => {
            revoking.value = undefined
          }}
          onSubmit={() => {
            if (revoking.value !== undefined) void change('DELETE', revoking.value)
          }}
          actions={
            <>
              <button type="button" class="button" onClick={() => (revoking.value = undefined)}>
                Cancel
              </button>
              <button type="submit" class="button danger">
                Revoke
              </button>
            </>
          }
        >
          <p>Its screen goes dark at once and cannot connect again. A new kiosk can be made for it.</p>
        </Dialog>
      )}
    </div>
  )
}
