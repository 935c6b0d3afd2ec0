/** One workflow, live from its account's server, as long as a page shows it. */
import { signal } from '@preact/signals'
import { accountKinds, type RequestRow, requestRow } from '../../protocol/rows.ts'
import { browserParts, createDefer, onWake } from '../browser.ts'
import { type Change, openStream, type StreamPhase } from '../stream.ts'
import { hubNow } from './clock.ts'
import { mayConnect, session } from './session.ts'
import { createTables } from './tables.ts'

/** A tab that nobody looks at for this long lets go of its socket, so that it keeps no server alive, ms. */
const restAfter = 5 * 60_000

export const accountPath = (account: string, rest: string) => `/u/${encodeURIComponent(account)}/${rest}`

export const openWorkflow = (account: string, workflow: string, onRequest: (row: RequestRow) => void) => {
  const tables = createTables(accountKinds, createDefer())
  const phase = signal<StreamPhase>({ phase: 'connecting' })
  const heardAt = signal(hubNow())
  /** Why nothing new can come although the server answers: a code. */
  const trouble = signal<string | undefined>(undefined)

  const apply = (change: Change) => {
    heardAt.value = hubNow()
    tables.apply(change)
    for (const item of change.put) {
      if (item.kind !== 'request') continue
      const parsed = requestRow.safeParse(item.row)
      if (parsed.success) onRequest(parsed.data)
    }
  }
  const stream = openStream(
    {
      url: accountPath(account, `stream?workflow=${encodeURIComponent(workflow)}`),
      before: mayConnect,
      apply,
      onPeer: (peer) => {
        heardAt.value = hubNow()
        trouble.value = peer.trouble
      },
      onState: (state) => {
        phase.value = state
        if (state.phase === 'signed-out') session.value = { phase: 'out', ended: true }
      },
    },
    browserParts,
  )

  let cancelRest: (() => void) | undefined
  const visibility = () => {
    cancelRest?.()
    if (document.visibilityState === 'hidden') cancelRest = browserParts.after(restAfter, stream.rest)
  }
  document.addEventListener('visibilitychange', visibility)
  const unwake = onWake(stream.nudge)

  return {
    tables,
    phase,
    heardAt,
    trouble,
    nudge: stream.nudge,
    close: () => {
      cancelRest?.()
      document.removeEventListener('visibilitychange', visibility)
      unwake()
      stream.close()
    },
  }
}
export type LiveWorkflow = ReturnType<typeof openWorkflow>
