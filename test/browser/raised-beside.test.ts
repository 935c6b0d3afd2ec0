/** Privileges that end under an open form, and pages that the browser kept while they changed. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { expect } from '@playwright/test'
import type { BrowserContext, Page } from 'playwright-core'
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
const slow = { timeout: 30_000 }

const begin = async (t: TestContext, elevation: object) => {
  const port = await freePorts()
  const origin = `http://localhost:${port}`
  const h = await startTestHub(t, { at: { origin, port }, config: { webDir, elevation } })
  const chromium = await launchBrowser()
  t.after(() => chromium.close())
  const context = await newBrowser(chromium, origin)
  const page = await signIn(context, 'admin', '/locks')
  return { h, context, page, timer: page.getByRole('timer', { name: 'Time left' }) }
}
const askToRaise = async (page: Page): Promise<void> => {
  await page.getByRole('button', { name: 'New lock' }).click(slow)
  await page.getByRole('radio', { name: /^Write/ }).check()
  await page.getByLabel('Reason').fill('a new lock')
  await page.getByRole('button', { name: 'Sign in again and raise' }).click()
}
/** What the window that opens does once somebody is through in it. */
const raiseAgain = async (context: BrowserContext, page: Page, name: string): Promise<Page> => {
  const opening = context.waitForEvent('page')
  await page.getByRole('button', { name: 'Raise again' }).click()
  const beside = await opening
  await authenticate(beside, name)
  return beside
}
/** As when the browser brings a page back that it kept. */
const showAgain = (page: Page): Promise<void> =>
  page.evaluate(() => {
    dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))
  })

test('privileges that end under a form are raised again beside it; what was typed is sent from where it stands', {
  skip,
}, async (t) => {
  const { h, context, page, timer } = await begin(t, {
    write: { duration: 'PT8S', reasonRequired: true },
  })
  await askToRaise(page)
  await authenticate(page, 'admin')
  await expect(timer).toBeVisible(slow)
  await page.getByRole('button', { name: 'New lock' }).click()
  const form = page.getByRole('dialog')
  await form.getByLabel('Name').fill('mel')
  await form.getByLabel('Reason', { exact: true }).fill('left the site')
  await expect(form.getByText('What you entered stays')).toBeVisible(slow)
  await takePictures(page, 'ended-under-form')
  await expect(form.getByRole('button', { name: 'Raise again' })).toBeDisabled()
  await form.getByLabel('Reason to raise again').fill('still a new lock')

  // Somebody who thinks better of it closes the window, and loses nothing.
  const opening = context.waitForEvent('page')
  await form.getByRole('button', { name: 'Raise again' }).click()
  await (await opening).close()
  await expect(form.getByText('What you entered stays')).toBeVisible()

  const beside = await raiseAgain(context, page, 'admin')
  await expect(form.getByText('What you entered stays')).toHaveCount(0, slow)
  await expect(form.getByLabel('Name')).toHaveValue('mel')
  await expect(form.getByLabel('Reason', { exact: true })).toHaveValue('left the site')
  await form.getByRole('button', { name: 'Lock', exact: true }).click()
  await expect(page.getByRole('row', { name: /^person mel/ })).toContainText('left the site', slow)
  await expect.poll(() => beside.isClosed(), slow).toBe(true)
  const reasons = (await h.audited('elevation.raised')).map(({ reason }) => reason)
  assert.deepEqual(reasons, ['a new lock', 'still a new lock'])
})

test('a window in which privileges were not raised says why and stays', { skip }, async (t) => {
  const { context } = await begin(t, { duration: 'PT10M' })
  const beside = await context.newPage()
  await beside.goto('/raised?elevation=auth.subject-changed')
  await expect(beside.getByRole('heading', { name: 'Privileges were not raised' })).toBeVisible(slow)
  await expect(beside.getByRole('alert')).toContainText('auth.subject-changed')
})

test('a page that the browser kept shows no privileges until the hub said which, and no notice of an end that was none', {
  skip,
}, async (t) => {
  const { page, timer } = await begin(t, { duration: 'PT10M' })
  await askToRaise(page)
  await authenticate(page, 'admin')
  await expect(timer).toBeVisible(slow)
  const { promise: mayAnswer, resolve } = Promise.withResolvers<void>()
  await page.route('**/api/session', async (route) => {
    await mayAnswer
    await route.continue()
  })
  await showAgain(page)
  await expect(timer).toHaveCount(0)
  await expect(page.locator('.frame')).toHaveCount(0)
  resolve()
  await expect(timer).toBeVisible(slow)
  await expect(page.getByText('Your raised privileges have ended')).toHaveCount(0)
})

test('somebody who comes back from the provider by the back button finds a dialog that works', {
  skip,
}, async (t) => {
  const { h, page, timer } = await begin(t, { duration: 'PT10M' })
  // The page stays as it was when it was left, as the browser keeps it.
  const provider = `${h.provider.issuer}/**`
  const { promise: left, resolve } = Promise.withResolvers<void>()
  await page.route(provider, async (route) => {
    await route.fulfill({ status: 204 })
    resolve()
  })
  await askToRaise(page)
  await left
  await expect(page.getByRole('button', { name: 'Asking the identity provider' })).toBeDisabled()
  await page.unroute(provider)
  await showAgain(page)
  await expect(page.getByLabel('Reason')).toHaveValue('a new lock')
  await page.getByRole('button', { name: 'Sign in again and raise' }).click(slow)
  await expect(page.getByLabel('Name')).toBeVisible(slow)
  // And as this browser really does it.
  await page.goBack()
  await expect(page.getByRole('heading', { name: 'Locks' })).toBeVisible(slow)
  await askToRaise(page)
  await authenticate(page, 'admin')
  await expect(timer).toBeVisible(slow)
})

test('somebody who raised in another tab meanwhile is not asked to raise once more', { skip }, async (t) => {
  const { context, page } = await begin(t, { duration: 'PT10M' })
  await page.getByRole('button', { name: 'New lock' }).click(slow)
  await expect(page.getByRole('dialog')).toContainText('Raise privileges')
  const other = await context.newPage()
  await other.goto('/locks')
  await askToRaise(other)
  await authenticate(other, 'admin')
  await expect(other.getByRole('timer', { name: 'Time left' })).toBeVisible(slow)
  await showAgain(page)
  await expect(page.getByRole('dialog')).toHaveCount(0, slow)
})
