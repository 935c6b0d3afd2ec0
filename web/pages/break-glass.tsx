/**
 * The door without the identity provider: the address that `seneschal hub break-glass` printed. Its code is used by a
 * click and not by opening the page, since it is good once and whatever previews links opens pages.
 */
import { useSignal } from '@preact/signals'
import { Mark } from '../parts/glyph.tsx'
import { Banner, Said } from '../parts/states.tsx'
import { useTitle } from '../parts/title.ts'
import { type ApiError, asApiError } from '../state/api.ts'
import { api } from '../state/session.ts'

/** Taken out of the address as soon as the page is there: it stays in no history and on no screen. */
export const takeDoorCode = (): string => {
  const code = location.hash.slice(1)
  if (code !== '') history.replaceState(history.state, '', location.pathname)
  return code
}

export const BreakGlass = ({ code }: { readonly code: string }) => {
  useTitle('Without the identity provider')
  const failed = useSignal<ApiError | undefined>(undefined)
  const busy = useSignal(false)
  const enter = async () => {
    busy.value = true
    failed.value = undefined
    try {
      await api.change('POST', '/auth/break-glass', { code })
      location.assign('/')
    } catch (thrown) {
      failed.value = asApiError(thrown)
      busy.value = false
    }
  }
  return (
    <main class="centre">
      <section class="card sign-in" aria-labelledby="door-title">
        <Mark />
        <h1 id="door-title">Without the identity provider</h1>
        <p>
          Whoever has the sealed key opened this door for somebody, once and for a short time. Everything that
          is done behind it is marked in the audit log, and every administrator is told.
        </p>
        {failed.value !== undefined && (
          <Banner tone="bad">
            <Said code={failed.value.code} text={failed.value.message} />
          </Banner>
        )}
        {code === '' ? (
          <Banner tone="bad">
            This address has no code, or it was opened before. Open the one that was printed, whole.
          </Banner>
        ) : (
          <button
            type="button"
            class="button danger large"
            disabled={busy.value}
            onClick={() => void enter()}
          >
            Come in
          </button>
        )}
      </section>
    </main>
  )
}
