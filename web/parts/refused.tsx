/** Why a list is not there: raised privileges are offered where those are all that lacks. */

import { dialog } from '../state/acting.ts'
import type { ApiError } from '../state/api.ts'
import { Banner, Said } from './states.tsx'

export const Refused = ({ error }: { readonly error: ApiError | undefined }) => {
  if (error === undefined) return null
  if (!error.code.startsWith('elevation.'))
    return (
      <Banner tone="bad">
        <Said code={error.code} text={error.message} />
      </Banner>
    )
  return (
    <Banner tone="plain">
      Administration needs raised privileges.{' '}
      <button
        type="button"
        class="button small"
        onClick={() => {
          dialog.value = { kind: 'raise', class: 'write', wanted: undefined }
        }}
      >
        Raise
      </button>
    </Banner>
  )
}
