/** Opening an account: its server is started, or joined while it starts, and every step is told. */
import { type Signal, signal } from '@preact/signals'
import { type ProgressEvent, progressEvent } from '../../protocol/api.ts'
import type { ServerState } from '../../protocol/rows.ts'
import { asApiError } from './api.ts'
import { api } from './session.ts'
import { site } from './site.ts'

export type Opening = {
  readonly state: ServerState
  readonly steps: readonly ProgressEvent[]
  /** Stays while the hub tries again by itself, until the server is on. */
  readonly failure: { readonly code: string; readonly message: string } | undefined
}

export type Opener = {
  readonly opening: Signal<Opening>
  /** Starts the server where it does not run; called again, tries again. */
  readonly start: () => void
  readonly close: () => void
}

const path = (account: string) => `/api/accounts/${encodeURIComponent(account)}/server`

export const createOpener = (account: string): Opener => {
  const known = site.peek().server.get(account)
  const opening = signal<Opening>({ state: known?.state ?? 'off', steps: [], failure: undefined })
  let events: EventSource | undefined
  let closed = false

  const endEvents = () => {
    events?.close()
    events = undefined
  }
  const fail = (code: string, message: string) => {
    endEvents()
    opening.value = { ...opening.peek(), state: 'failed', failure: { code, message } }
  }
  /** What is told before the start that we asked for belongs to an earlier one. */
  let begun = false
  /** The last that was told is a failure: what comes next is another try. */
  let failed = false
  const follow = (event: ProgressEvent) => {
    if (event.state === 'starting') begun = true
    if (!begun) return
    const { failure } = opening.peek()
    const steps = event.state === 'starting' && failed ? [] : opening.peek().steps
    failed = event.state === 'failed'
    const told = steps.some((step) => step.at === event.at && step.message === event.message)
    const now = told ? steps : [...steps, event]
    if (event.state === 'failed')
      opening.value = {
        state: 'failed',
        steps: now,
        failure: { code: event.code ?? 'spawn.failed', message: event.message },
      }
    else if (event.state === 'on') {
      opening.value = { state: 'on', steps: now, failure: undefined }
      endEvents()
    } else opening.value = { state: failure === undefined ? event.state : 'failed', steps: now, failure }
  }
  const listen = () => {
    endEvents()
    events = new EventSource(`${path(account)}/progress`)
    events.addEventListener('progress', (message: MessageEvent<string>) => {
      const parsed = progressEvent.safeParse(JSON.parse(message.data))
      if (parsed.success) follow(parsed.data)
    })
  }

  const start = () => {
    if (closed) return
    opening.value = { state: 'starting', steps: [], failure: undefined }
    begun = false
    failed = false
    listen()
    void (async () => {
      try {
        await api.change('POST', path(account))
        if (closed || begun) return
        // It was starting or on before we asked: from here on everything it tells is news.
        begun = true
        listen()
      } catch (thrown) {
        const error = asApiError(thrown)
        if (!closed) fail(error.code, error.message)
      }
    })()
  }

  return {
    opening,
    start,
    close: () => {
      closed = true
      endEvents()
    },
  }
}
