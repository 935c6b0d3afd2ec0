/** Where somebody is signed in and what reads in their name, on a page: seen, made, ended. Kiosks as administrators keep them. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { expect } from '@playwright/test'
import type { Page } from 'playwright-core'
import {
  authenticate,
  hasBrowser,
  launchBrowser,
  newBrowser,
  signIn,
  takePictures,
} from '../harness/browser.ts'
import { startTestHub } from '../harness/hub.ts'
import { withToken } from '../harness/script.ts'
import { freePorts } from '../harness/site.ts'

const webDir = join(import.meta.dirname, '../../dist/web')
const skip = hasBrowser ? false : 'no Chromium on this machine'
const slow = { timeout: 30_000 }

const begin = async (t: TestContext) => {
  const port = await freePorts()
  const origin = `http://localhost:${port}`
  const h = await startTestHub(t, { at: { origin, port }, config: { webDir } })
  const chromium = await launchBrowser()
  t.after(() => chromium.close())
  return { h, newBrowser: () => newBrowser(chromium, origin) }
}
const raise = async (page: Page, name: string): Promise<void> => {
  await page.getByRole('button', { name: 'Sign in again and raise' }).click()
  await authenticate(page, name)
  await expect(page.getByRole('timer', { name: 'Time left' })).toBeVisible(slow)
}
/** Whether anything can be scrolled to sideways at the width of a small telephone. */
const mustFit = async (page: Page): Promise<void> => {
  await page.setViewportSize({ width: 360, height: 740 })
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth))
  await page.setViewportSize({ width: 1440, height: 900 })
}

test('somebody ends the session that they forgot elsewhere, and makes and revokes a token', {
  skip,
}, async (t) => {
  const { h, newBrowser: fresh } = await begin(t)
  const forgotten = await signIn(await fresh(), 'mel')
  const page = await signIn(await fresh(), 'mel')
  await page.getByRole('button', { name: 'Signed in as mel' }).click()
  await page.getByRole('link', { name: 'Sessions and tokens' }).click()
  await expect(page.getByRole('row', { name: /this one/ })).toContainText('Chrome on Linux', slow)
  await expect(page.getByRole('row', { name: /127\.0\.0\.1/ })).toHaveCount(2)
  await page.getByRole('button', { name: 'End Chrome on Linux' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'End' }).click()
  await expect(page.getByRole('row', { name: /127\.0\.0\.1/ })).toHaveCount(1, slow)
  await expect(forgotten.getByRole('link', { name: 'Sign in' })).toBeVisible(slow)
  await expect(page.getByRole('button', { name: 'End all others' })).toHaveCount(0)

  await page.getByRole('button', { name: 'New token' }).click()
  const form = page.getByRole('dialog')
  await form.getByRole('button', { name: 'Create' }).click()
  await expect(form).toContainText('Say what it is for.')
  await form.getByLabel('Name').fill('nightly report')
  await form.getByLabel('Of these alone').fill('oceans stage//x')
  await form.getByRole('button', { name: 'Create' }).click()
  await expect(form).toContainText('Write ~ACCOUNT or ~ACCOUNT/WORKFLOW')
  await form.getByLabel('Of these alone').fill('~nobody_there')
  await form.getByRole('button', { name: 'Create' }).click()
  await expect(form.getByRole('alert')).toContainText('account.unknown', slow)
  await form.getByLabel('Of these alone').fill('~atmosphere_stage/clouds')
  await form.getByLabel(/^logs/).check()
  await form.getByLabel('Good for').selectOption({ label: '7 days' })
  await takePictures(page, 'token-new')
  await mustFit(page)
  await form.getByRole('button', { name: 'Create' }).click()
  const secret = (await page.getByRole('region', { name: 'Token', exact: true }).textContent(slow)) ?? ''
  await takePictures(page, 'token-secret')
  const script = withToken(h, secret.trim())
  assert.equal((await script.ask('GET', '/api/session', { host: `localhost:${h.port}` })).status, 200)
  await page.getByRole('button', { name: 'Close' }).click()
  assert.ok(!(await page.content()).includes(secret.trim()), 'it is shown once')
  const row = page.getByRole('row', { name: /^nightly report/ })
  await expect(row).toContainText('view, logs of ~atmosphere_stage/clouds')
  await takePictures(page, 'access')
  await mustFit(page)
  await page.getByRole('button', { name: 'Revoke nightly report' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await expect(row).toContainText('revoked', slow)
  assert.equal((await script.ask('GET', '/api/session', { host: `localhost:${h.port}` })).status, 401)
})

test('an administrator, raised, sees everybody’s and ends a session', { skip }, async (t) => {
  const { h, newBrowser: fresh } = await begin(t)
  const mel = await signIn(await fresh(), 'mel', '/access')
  await expect(mel.getByRole('row', { name: /this one/ })).toBeVisible(slow)
  await expect(mel.getByRole('button', { name: 'Everybody’s' })).toHaveCount(0)
  const page = await signIn(await fresh(), 'admin', '/access')
  await expect(page.getByText('Nobody is in with the sealed key')).toBeVisible(slow)
  await page.getByRole('button', { name: 'Everybody’s' }).click()
  await page.getByRole('button', { name: 'Raise', exact: true }).last().click()
  await page.getByRole('radio', { name: /^Write/ }).check()
  await raise(page, 'admin')
  await page.getByRole('button', { name: 'End Chrome on Linux of mel' }).click()
  await takePictures(page, 'access-end')
  await page.getByRole('dialog').getByRole('button', { name: 'End' }).click()
  await expect(mel.getByRole('link', { name: 'Sign in' })).toBeVisible(slow)
  await expect(page.getByRole('row', { name: /\bmel\b/ })).toHaveCount(0, slow)
  await takePictures(page, 'access-everybody')
  const [record] = await h.audited('session.ended')
  assert.equal(record?.sentence, 'User mel was signed out by the administrator admin')
})

test('a kiosk is made with an end, renamed, seen, and told when it is over', { skip }, async (t) => {
  const { h, newBrowser: fresh } = await begin(t)
  const page = await signIn(await fresh(), 'admin', '/kiosks')
  await page.getByRole('button', { name: 'New kiosk' }).click(slow)
  await page.getByRole('radio', { name: /^Write/ }).check()
  await raise(page, 'admin')
  await page.getByRole('button', { name: 'New kiosk' }).click()
  await page.getByLabel('Name').fill('north')
  await page.getByLabel('Ends after').selectOption({ label: '1 day' })
  await takePictures(page, 'kiosk-new')
  await page.getByRole('button', { name: 'Create' }).click()
  const address = (await page.getByRole('region', { name: 'Enrol address' }).textContent(slow)) ?? ''
  await page.getByRole('button', { name: 'Close' }).click()
  await page.getByRole('button', { name: 'Rename north' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('north, left screen')
  await page.getByRole('button', { name: 'Rename', exact: true }).click()
  const row = page.getByRole('row', { name: /^north, left screen/ })
  await expect(row).toContainText('not enrolled yet', slow)
  await expect(row).toContainText('never')

  const screen = await (await fresh()).newPage()
  await screen.goto(address.trim())
  await expect(screen.getByText('atmosphere_stage').first()).toBeVisible(slow)
  for (let look = 0; look < 31; look += 1) await h.hub.tick()
  await page.reload()
  await expect(row).toContainText('just now', slow)
  await takePictures(page, 'kiosks')
  await mustFit(page)
  h.shift(24 * 3_600_000 + 60_000)
  await h.hub.tick()
  assert.equal((await h.audited('kiosk.expired')).length, 1)
  await page.reload()
  // Privileges ended with that day.
  await page.getByRole('button', { name: 'New kiosk' }).click(slow)
  await page.getByRole('radio', { name: /^Write/ }).check()
  await raise(page, 'admin')
  await expect(row).toContainText('expired', slow)
  await takePictures(page, 'kiosk-expired')
})
