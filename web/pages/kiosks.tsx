/** Kiosks: browsers that show the wall and can do nothing else. Administrators make, watch and revoke them. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { z } from 'zod/mini'
import { type KioskRow, kioskRow } from '../../protocol/api.ts'
import { Dialog } from '../parts/dialog.tsx'
import { Banner, Blank } from '../parts/states.tsx'
import { Time } from '../parts/time.tsx'
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
  const submit = async () => {
    try {
      const accounts = chosen.value.length === 0 ? {} : { accounts: chosen.value }
      const { code } = await api.post(path, { name: name.value.trim(), ...accounts }, createAnswer)
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

const Row = ({
  kiosk,
  raised,
  onRevoke,
}: {
  readonly kiosk: KioskRow
  readonly raised: boolean
  readonly onRevoke: () => void
}) => (
  <tr>
    <th scope="row">{kiosk.name}</th>
    <td>{kiosk.accounts === null ? 'all that everyone may view' : kiosk.accounts.join(', ')}</td>
    <td>{stateWords[kiosk.state]}</td>
    <td>
      {kiosk.createdBy}, <Time at={kiosk.createdAt} />
    </td>
    <td>
      <Time at={kiosk.enrolledAt} />
    </td>
    <td>
      {kiosk.state !== 'revoked' && raised && (
        <button
          type="button"
          class="button small danger"
          aria-label={`Revoke ${kiosk.name}`}
          onClick={onRevoke}
        >
          Revoke
        </button>
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
  const revoke = async (kiosk: KioskRow) => {
    revoking.value = undefined
    try {
      await api.change('DELETE', `${path}/${encodeURIComponent(kiosk.kiosk)}`)
      await load()
    } catch (thrown) {
      failed.value = asApiError(thrown)
    }
  }
  const offerRaise = () => {
    dialog.value = { kind: 'raise', class: 'write', wanted: undefined }
  }
  if (!admin) return <Missing />
  const needsRaise = failed.value?.code.startsWith('elevation.') === true
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
      {needsRaise && (
        <Banner tone="plain">
          Administration needs raised privileges.{' '}
          <button type="button" class="button small" onClick={offerRaise}>
            Raise
          </button>
        </Banner>
      )}
      {failed.value !== undefined && !needsRaise && <Banner tone="bad">{failed.value.message}</Banner>}
      {list.value === undefined && failed.value === undefined && <Blank title="Loading kiosks" busy />}
      {list.value?.length === 0 && <Blank title="No kiosk yet" />}
      {list.value !== undefined && list.value.length > 0 && (
        <div class="table-frame">
          <table>
            <thead>
              <tr>
                {['Name', 'Accounts', 'State', 'Created', 'Enrolled', ''].map((label) => (
                  <th key={label} scope="col">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {list.value.map((kiosk) => (
                <Row
                  key={kiosk.kiosk}
                  kiosk={kiosk}
                  raised={raised}
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
      {revoking.value !== undefined && (
        <Dialog
          title={`Revoke ${revoking.value.name}?`}
          tone="danger"
          onClose={() => {
            revoking.value = undefined
          }}
          onSubmit={() => {
            if (revoking.value !== undefined) void revoke(revoking.value)
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
