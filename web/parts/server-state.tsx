/** Whether an account's server runs, as a mark with words. */
import type { ServerRow } from '../../protocol/rows.ts'
import { sentenceOf } from '../state/api.ts'

const words = {
  off: 'server off',
  starting: 'server starting',
  on: 'server on',
  stopping: 'server stopping',
  failed: 'server failed',
} as const

export const ServerMark = ({
  row,
  bare = false,
}: {
  readonly row: ServerRow | undefined
  /** Without its host, which stands beside it. */
  readonly bare?: boolean
}) => {
  const state = row?.state ?? 'off'
  const why = row?.reason ?? sentenceOf(row?.code)
  return (
    <span class={`server server-${row?.code == null ? state : 'failed'}`} title={why ?? undefined}>
      <span class="server-dot" aria-hidden="true" />
      {state === 'on' && row?.code != null ? 'server does not answer' : words[state]}
      {!bare && state === 'on' && row?.host != null && ` ${row.host}`}
    </span>
  )
}
