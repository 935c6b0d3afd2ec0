/** An administrator locks a person out, on a whole demonstration site; hub, daemon and the person's own page feel it. */
import assert from 'node:assert/strict'
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
import { startSite } from '../harness/site.ts'

const slow = { timeout: 30_000 }

test('a lock shuts the page of whoever is locked, and every daemon takes it up', {
  skip: hasBrowser ? false : 'no Chromium on this machine',
}, async () => {
  const site = await startSite({ ssh: false, elevation: 'PT10M' })
  const browser = await launchBrowser()
  try {
    const melsBrowser = await newBrowser(browser, site.url)
    const mel = await signIn(melsBrowser, 'mel', '/accounts/atmosphere_stage/workflows/clouds')
    await expect(mel.getByRole('row', { name: /^climb / }).first()).toBeVisible(slow)
    const page = await signIn(await newBrowser(browser, site.url), 'admin', '/locks')
    await page.getByRole('button', { name: 'New lock' }).click()
    await page.getByRole('radio', { name: /^Write/ }).check()
    await page.getByRole('button', { name: 'Sign in again and raise' }).click()
    await authenticate(page, 'admin')
    await expect(page.getByText('Nothing is locked here')).toBeVisible(slow)

    await page.getByRole('button', { name: 'New lock' }).click()
    await page.getByLabel('Name').fill('mel')
    await page.getByLabel('Reason').fill('left the site')
    await takePictures(page, 'lock-new')
    await page.getByRole('button', { name: 'Lock', exact: true }).click()
    await expect(page.getByRole('row', { name: /^person mel/ })).toContainText('left the site', slow)
    await expect(mel.getByRole('alert')).toContainText('You may not look', slow)
    assert.equal((await melsBrowser.request.get('/api/accounts')).status(), 403)
    // The banner about daemons that do not know yet goes by itself.
    await expect(page.getByText('In force at this hub')).toHaveCount(0, slow)
    await takePictures(page, 'locks')

    await page.getByRole('button', { name: 'Lift person mel' }).click()
    await expect(page.getByText('Nothing is locked here')).toBeVisible(slow)
    await expect.poll(async () => (await melsBrowser.request.get('/api/accounts')).status(), slow).toBe(200)
  } finally {
    await browser.close()
    await site.stop()
  }
})
