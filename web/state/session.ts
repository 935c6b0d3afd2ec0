/** Who is signed in, with which privileges, and the door to the hub that carries their CSRF token. */
import { computed, signal } from '@preact/signals'
import { z } from 'zod/mini'
import { type SessionBody, sessionBody } from '../../protocol/api.ts'
import type { Elevation } from '../../protocol/tokens.ts'
import { version } from '../../protocol/version.ts'
import { type ApiError, asApiError, createApi } from './api.ts'
import { beat, setHubClock } from './clock.ts'

export type SessionState =
  | { readonly phase: 'loading' }
  | { readonly phase: 'in'; readonly body: SessionBody }
  | { readonly phase: 'out'; readonly ended: boolean }
  | { readonly phase: 'broken'; readonly error: ApiError }

export const session = signal<SessionState>({ phase: 'loading' })
export const viewer = computed(() => (session.value.phase === 'in' ? session.value.body : undefined))

/** While a page that was shown again asks who is there. */
export const checking = signal(false)

/** Raised privileges that still hold by the hub's clock. The last moment is the hub's to judge. */
export const elevation = computed<Elevation | undefined>(() => {
  const held = viewer.value?.elevation
  return held == null || held.until <= beat.value ? undefined : held
})
export const elevationClass = computed(() => elevation.value?.class)

/** Reloads once when the hub is of another version than this page; the address keeps the place. */
export const noticeVersion = (theirs: string): void => {
  const key = 'seneschal.reloaded'
  if (theirs === version || sessionStorage.getItem(key) === theirs) return
  sessionStorage.setItem(key, theirs)
  location.reload()
}

export const loadSession = async (): Promise<SessionState> => {
  const before = session.peek()
  try {
    const body = await api.get('/api/session', sessionBody)
    setHubClock(body.now)
    noticeVersion(body.site.version)
    session.value = { phase: 'in', body }
  } catch (thrown) {
    const error = asApiError(thrown)
    if (error.status === 401) session.value = { phase: 'out', ended: before.phase === 'in' }
    // Signed in as far as we know: a hub that does not answer is no reason to take the picture away.
    else if (before.phase !== 'in') session.value = { phase: 'broken', error }
  }
  return session.peek()
}

export const api = createApi({
  fetch: (...args) => fetch(...args),
  csrf: () => viewer.peek()?.csrf ?? '',
  refresh: async () => {
    await loadSession()
    return viewer.peek()?.csrf ?? ''
  },
  ended: (error) => {
    session.value = { phase: 'out', ended: error.code === 'session.ended' || session.peek().phase === 'in' }
  },
})

/** Before a socket is opened again: after failures, ask whether we may at all, since a refused upgrade says nothing. */
export const mayConnect = async (tries: number): Promise<'go' | 'signed-out'> => {
  if (tries === 0) return 'go'
  const state = await loadSession()
  return state.phase === 'out' ? 'signed-out' : 'go'
}

export const signInLink = (back: string): string => `/auth/login?return=${encodeURIComponent(back)}`

/** Ends the session here and, where the provider can do that, there. */
export const signOut = async (): Promise<void> => {
  const { location: next } = await api.post('/auth/logout', undefined, z.object({ location: z.string() }))
  location.assign(next)
}
