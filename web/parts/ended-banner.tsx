/** Stands in an open form once privileges ended under it: what was typed stays, and they are raised again beside it. */
import { useSignal } from '@preact/signals'
import { covers, type ElevationClass } from '../../protocol/permissions.ts'
import { type ApiError, asApiError } from '../state/api.ts'
import { raiseBeside } from '../state/raising.ts'
import { elevationClass, viewer } from '../state/session.ts'
import { Banner, Said } from './states.tsx'

export const EndedBanner = ({ needed }: { readonly needed: ElevationClass }) => {
  const reason = useSignal('')
  const asked = useSignal(false)
  const failed = useSignal<ApiError | undefined>(undefined)
  if (covers(elevationClass.value, needed)) return null
  const needsReason = viewer.value?.site.elevation[needed].reasonRequired === true
  const raise = async () => {
    failed.value = undefined
    asked.value = true
    try {
      await raiseBeside(needed, reason.value.trim())
    } catch (thrown) {
      failed.value = asApiError(thrown)
      asked.value = false
    }
  }
  return (
    <Banner tone="warn">
      <span>Your raised privileges have ended. What you entered stays.</span>{' '}
      {needsReason && (
        <input
          type="text"
          aria-label="Reason to raise again"
          placeholder="Reason"
          maxLength={1000}
          value={reason.value}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return
            // It is not the form that is sent.
            event.preventDefault()
            if (reason.value.trim() !== '') void raise()
          }}
          onInput={(event) => {
            reason.value = event.currentTarget.value
          }}
        />
      )}{' '}
      <button
        type="button"
        class="button small"
        disabled={needsReason && reason.value.trim() === ''}
        onClick={() => void raise()}
      >
        Raise again
      </button>{' '}
      {asked.value && <small>Sign in again in the window that opened; this one goes on by itself.</small>}
      {failed.value !== undefined && <Said code={failed.value.code} text={failed.value.message} />}
    </Banner>
  )
}
