/** The identity provider is down while somebody comes, and while others look on. */
import { join } from 'node:path'
import { test } from 'node:test'
import { expect } from '@playwright/test'
import {
  authenticate,
  hasBrowser,
  launchBrowser,
  newBrowser,
  signIn,
  takePictures,
} from '../harness/browser.ts'
import { startTestHub } from '../harness/hub.ts'
import { freePorts } from '../harness/site.ts'

const webDir = join(import.meta.dirname, '../../dist/web')
const skip = hasBrowser ? false : 'no Chromium on this machine'

test('whoever comes while the provider is down reads why and tries again; whoever is there goes on', {
  skip,
}, async (t) => {
  const port = await freePorts()
  const origin = `http://localhost:${port}`
  const h = await startTestHub(t, { at: { origin, port }, config: { webDir } })
  const chromium = await launchBrowser()
  t.after(() => chromium.close())

  const watching = await signIn(await newBrowser(chromium, origin), 'jacintar')
  await expect(watching.getByText('atmosphere_stage').first()).toBeVisible()
  h.provider.lies.answer = (_path, response) => {
    response.destroy()
    return true
  }

  const coming = await (await newBrowser(chromium, origin)).newPage()
  await coming.goto('/wall')
  await coming.getByRole('link', { name: 'Sign in' }).click()
  await expect(coming.getByRole('alert')).toContainText('The identity provider does not answer')
  await expect(coming.getByText('auth.provider-unavailable')).toBeVisible()
  await takePictures(coming, 'provider-down')
  expect(new URL(coming.url()).search, 'the reason stands on the page, not in the address').toBe('')

  h.shift(6 * 60_000)
  await h.feed.heartbeat(Date.now() + 6 * 60_000)
  await watching.reload()
  await expect(watching.getByText('atmosphere_stage').first()).toBeVisible()

  // Still down: the same page again, nothing worse.
  await coming.getByRole('link', { name: 'Try again' }).click()
  await expect(coming.getByRole('alert')).toContainText('The identity provider does not answer')

  h.provider.lies.answer = undefined
  await coming.getByRole('link', { name: 'Try again' }).click()
  await authenticate(coming, 'mel')
  await coming.waitForURL((url) => url.pathname === '/wall' && url.port === String(port))
  await expect(coming.getByText('atmosphere_stage').first()).toBeVisible()
})
