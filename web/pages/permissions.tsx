/** Who may do what in an account or a workflow: its owner changes it here, after having seen what that changes. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { LayerBody, LayerPreview } from '../../protocol/layers.ts'
import { catalogue, permissionClasses } from '../../protocol/permissions.ts'
import { type LayerProblem, problemsIn } from '../model/layers.ts'
import { LayerChanges } from '../parts/layer-changes.tsx'
import { LayerEditor } from '../parts/layer-editor.tsx'
import { LayerHistory } from '../parts/layer-history.tsx'
import { Banner, Blank, Said } from '../parts/states.tsx'
import { Time } from '../parts/time.tsx'
import { useTitle } from '../parts/title.ts'
import { pathOf } from '../routes.ts'
import { dialog } from '../state/acting.ts'
import { type ApiError, asApiError, sentenceOf } from '../state/api.ts'
import {
  changeLayer,
  keepDraft,
  type LayerAsked,
  type LayerPlace,
  previewLayer,
  readDraft,
  readLayer,
} from '../state/layers.ts'
import { notify } from '../state/notices.ts'
import { elevationClass, loadSession } from '../state/session.ts'
import { Missing } from './missing.tsx'

/** What can be written, for whoever does not know it by heart. */
const Catalogue = () => (
  <details class="layer-catalogue">
    <summary>What can be written here</summary>
    <p class="hint">
      A line names a class or one of its actions, and who may:{' '}
      <code>execute: [owner, group:unix/atm-ops]</code>. Whoever is not named may not. What is not written
      here is decided by the account's rules, then by the site's.
    </p>
    <dl>
      <dt>who</dt>
      <dd>
        <code>everyone</code>, <code>owner</code>, <code>user:NAME</code>, <code>group:unix/NAME</code> (or{' '}
        <code>oidc</code>, <code>ldap</code>), <code>account:NAME</code>; <code>"!user:NAME"</code> excludes;{' '}
        <code>inherit</code> asks the rules below
      </dd>
      {permissionClasses
        .filter((name) => name !== 'own')
        .flatMap((name) => [
          <dt key={name}>{name}</dt>,
          <dd key={`${name} means`}>
            {Object.entries(catalogue[name])
              .map(([action, means]) => `${action} (${means})`)
              .join(', ')}
          </dd>,
        ])}
    </dl>
  </details>
)

/** Somebody else may change it while the page is open, ms. */
const lookAgain = 15_000

type Failure = { readonly error: ApiError; readonly problems: readonly LayerProblem[] }

const Loaded = ({
  place,
  body,
  reload,
}: {
  readonly place: LayerPlace
  readonly body: LayerBody
  readonly reload: () => Promise<void>
}) => {
  const text = useSignal(readDraft(place) ?? body.text ?? '')
  const restoring = useSignal<number | undefined>(undefined)
  const preview = useSignal<LayerPreview | undefined>(undefined)
  const failed = useSignal<Failure | undefined>(undefined)
  const busy = useSignal(false)
  /** The version that what stands in the editor was written from. */
  const from = useSignal(body.version)
  const changed = text.value !== (body.text ?? '')
  const raised = elevationClass.value === 'write'
  const othersChanged = from.value !== body.version

  const write = (next: string) => {
    text.value = next
    restoring.value = undefined
    preview.value = undefined
    failed.value = undefined
    keepDraft(place, next === (body.text ?? '') ? undefined : next)
  }
  const startOver = () => {
    write(body.text ?? '')
    from.value = body.version
    keepDraft(place, undefined)
  }
  // What nobody has touched follows what is in force.
  useEffect(() => {
    if (readDraft(place) === undefined) startOver()
  }, [body.version])

  const fail = (thrown: unknown) => {
    const error = asApiError(thrown)
    failed.value = { error, problems: problemsIn(error.message) }
    if (!error.code.startsWith('elevation.')) return
    void loadSession()
    dialog.value = { kind: 'raise', class: 'write', wanted: undefined, note: 'What you wrote is kept.' }
  }
  const asked = (): LayerAsked =>
    restoring.peek() === undefined ? { text: text.peek() } : { restore: restoring.peek() ?? 0 }
  const work = async (act: () => Promise<void>) => {
    busy.value = true
    failed.value = undefined
    try {
      await act()
    } catch (thrown) {
      fail(thrown)
    }
    busy.value = false
  }
  const look = () =>
    work(async () => {
      preview.value = await previewLayer(place, asked())
      from.value = preview.peek()?.base ?? from.peek()
      if (from.peek() !== body.version) await reload()
    })
  const apply = (shown: LayerPreview) => {
    if (!raised) {
      dialog.value = { kind: 'raise', class: 'write', wanted: undefined, note: 'What you wrote is kept.' }
      return
    }
    void work(async () => {
      const { state, code, reason } = await changeLayer(place, shown.base, asked())
      if (state === 'done') {
        keepDraft(place, undefined)
        preview.value = undefined
        notify('good', 'The permissions are changed', reason ?? undefined)
      } else if (state === 'waiting')
        notify('plain', 'It is not decided yet', 'The audit log will say how it ended.')
      else {
        const told = `${sentenceOf(code) ?? ''} ${reason ?? ''}`.trim()
        preview.value = undefined
        notify('bad', 'The permissions were not changed', told, { code: code ?? undefined })
      }
      await reload()
    })
  }
  const restore = (version: LayerBody['versions'][number]) => {
    write(version.text ?? '')
    restoring.value = version.version
    void look()
  }

  return (
    <>
      {body.file !== null && (
        <Banner tone="plain">
          The file says otherwise, since version {body.file}. It counts again as soon as it is changed.
        </Banner>
      )}
      {othersChanged && (
        <Banner tone="warn">
          Somebody changed this meanwhile: version {body.version} is in force
          {body.versions[0]?.person == null ? '' : `, by ${body.versions[0].person}`}. What you wrote is kept;
          a preview compares it with what is in force now.
        </Banner>
      )}
      {failed.value !== undefined && failed.value.problems.length === 0 && (
        <Banner tone="bad">
          <Said code={failed.value.error.code} text={failed.value.error.message} />
        </Banner>
      )}
      <LayerEditor
        label="Permissions"
        text={text.value}
        readOnly={!body.mayChange}
        problems={failed.value?.problems ?? []}
        onInput={write}
      />
      <Catalogue />
      {body.mayChange && (
        <div class="layer-buttons">
          <button
            type="button"
            class="button primary"
            disabled={busy.value || !changed}
            onClick={() => void look()}
          >
            Preview
          </button>
          <button type="button" class="button" disabled={busy.value || !changed} onClick={startOver}>
            Discard
          </button>
          {!changed && <span class="hint">Nothing is changed yet.</span>}
        </div>
      )}
      {preview.value !== undefined && (
        <section class="layer-preview" aria-labelledby="layer-preview" aria-live="polite">
          <h2 id="layer-preview">Who gains and who loses</h2>
          <LayerChanges account={place.account} preview={preview.value} />
          <div class="layer-buttons">
            <button
              type="button"
              class="button danger"
              disabled={busy.value}
              onClick={() => preview.value !== undefined && apply(preview.value)}
            >
              {busy.value ? 'Applying …' : raised ? 'Apply' : 'Raise privileges and apply'}
            </button>
            <span class="hint">It acts at once, and stands in the audit log under your name.</span>
          </div>
        </section>
      )}
      <LayerHistory body={body} onRestore={body.mayChange ? restore : undefined} />
    </>
  )
}

const Head = ({ place, body }: { readonly place: LayerPlace; readonly body: LayerBody | undefined }) => {
  const { account, workflow } = place
  const newest = body?.versions[0]
  return (
    <header class="page-head">
      <h1>
        Permissions of <a href={pathOf('account', { account })}>{account}</a>
        {workflow !== null && (
          <>
            {' / '}
            <a href={pathOf('tree', { account, workflow })}>{workflow}</a>
          </>
        )}
      </h1>
      {newest !== undefined && (
        <span class="hint">
          version {newest.version}, <Time at={newest.at} />
        </span>
      )}
    </header>
  )
}

export const PermissionsPage = ({
  account,
  workflow,
}: {
  readonly account: string
  readonly workflow: string | null
}) => {
  const place = { account, workflow }
  useTitle(`Permissions of ${workflow ?? account}`)
  const body = useSignal<LayerBody | undefined>(undefined)
  const failed = useSignal<ApiError | undefined>(undefined)
  const load = async () => {
    try {
      body.value = await readLayer(place)
      failed.value = undefined
    } catch (thrown) {
      failed.value = asApiError(thrown)
    }
  }
  useEffect(() => {
    body.value = undefined
    void load()
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void load()
    }, lookAgain)
    return () => clearInterval(timer)
  }, [account, workflow])
  if (failed.value?.status === 404) return <Missing />
  return (
    <div class="page permissions">
      <Head place={place} body={body.value} />
      {failed.value !== undefined && (
        <Banner tone="bad">
          <Said code={failed.value.code} text={failed.value.message} />
        </Banner>
      )}
      {body.value === undefined && failed.value === undefined && <Blank title="Loading permissions" busy />}
      {body.value !== undefined && (
        <Loaded key={`${account}/${workflow ?? ''}`} place={place} body={body.value} reload={load} />
      )}
    </div>
  )
}
