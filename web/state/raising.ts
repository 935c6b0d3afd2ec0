/**
 * What happens to privileges beside a page: they are raised in a window of their own, or the browser kept the page and
 * shows it again. Nothing that was typed is lost to either.
 */
import { signal } from '@preact/signals'
import { elevateAnswer } from '../../protocol/api.ts'
import { covers, type ElevationClass } from '../../protocol/permissions.ts'
import { dialog, forgetWanted } from './acting.ts'
import { ApiError } from './api.ts'
import { api, checking, elevationClass, loadSession, session, viewer } from './session.ts'
import { nudgeSite } from './site.ts'

/** Where the window comes back to; it closes itself there. */
export const raisedPath = '/raised'

/** Resolves once the person is at the identity provider there. This page hears of the end by its socket. */
export const raiseBeside = async (to: ElevationClass, reason: string): Promise<void> => {
  // At the click itself, or the browser takes it for what nobody asked for.
  const beside = window.open('about:blank', '_blank', 'popup,width=560,height=720')
  if (beside === null)
    throw new ApiError('lost.connection', 0, 'The browser lets no window open: allow it for this site.')
  try {
    const asked = { class: to, return: raisedPath, ...(reason === '' ? {} : { reason }) }
    const { location: provider } = await api.post('/auth/elevate', asked, elevateAnswer)
    beside.location.replace(provider)
  } catch (thrown) {
    beside.close()
    throw thrown
  }
}

/** How often the browser showed the page again: whoever waited for it to go away waits no more. */
export const shownAgain = signal(0)

/** Whoever asked to raise, and is raised by now, is asked for what they wanted. */
const leaveNeedlessRaise = (): void => {
  const open = dialog.peek()
  if (open?.kind !== 'raise' || !covers(elevationClass.peek(), open.class)) return
  const { wanted } = open
  dialog.value = wanted === undefined ? undefined : { kind: 'confirm', wanted, returned: true }
}

const showAgain = async (): Promise<void> => {
  const before = viewer.peek()
  // Until the hub has said what holds now, nothing does.
  checking.value = true
  if (before !== undefined) session.value = { phase: 'in', body: { ...before, elevation: null } }
  forgetWanted()
  shownAgain.value += 1
  try {
    const after = await loadSession()
    // What is on the page is another person's.
    if (after.phase === 'in' && before !== undefined && after.body.person !== before.person) location.reload()
  } finally {
    checking.value = false
  }
  leaveNeedlessRaise()
  nudgeSite()
}

/** A page that the browser kept, as it does for its back button, knows nothing of what happened since. */
export const watchShownAgain = (): void =>
  addEventListener('pageshow', (event) => {
    if (event.persisted) void showAgain()
  })
