/** What somebody typed outlives their privileges: in the open form, on the way to the provider and back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
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
import { startSite } from '../harness/site.ts'

const siteFile = `
permissions: { read: [everyone], execute: [everyone], write: [user:jacintar] }
elevation: { write: PT25S }
accounts: { atmosphere_stage: {}, oceans_stage: {} }
`
const slow = { timeout: 30_000 }
const text = 'WIND_LIMIT=25\nOLD_SWITCH'

const raise = async (page: Page): Promise<void> => {
  await page.getByRole('button', { name: 'Sign in again and raise' }).click()
  await authenticate(page, 'jacintar')
}

test('an end of privileges while a form is open keeps what was typed', {
  skip: hasBrowser ? false : 'no Chromium on this machine',
}, async () => {
  const site = await startSite({ ssh: false, elevation: 'PT10M', siteFile })
  const browser = await launchBrowser()
  try {
    const context = await newBrowser(browser, site.url)
    const path = '/accounts/atmosphere_stage/workflows/clouds'
    const page = await signIn(context, 'jacintar', path)
    const timer = page.getByRole('timer', { name: 'Time left' })
    const field = page.getByLabel('Variables of coming jobs')

    // Asked before the form opens: nothing is typed in vain.
    const row = page.getByRole('row', { name: /^climb / }).first()
    await row.getByRole('button', { name: /^Actions for/ }).click(slow)
    await page.getByRole('menuitem', { name: /^Edit settings/ }).click()
    await expect(page.getByRole('dialog')).toContainText('Raise privileges to edit settings')
    await expect(field).toHaveCount(0)
    const times = await page.getByLabel('For', { exact: true }).locator('option').allTextContents()
    assert.deepEqual(times, ['25 seconds'], 'the site file allows less than the hub')
    await takePictures(page, 'raise')
    await raise(page)
    await expect(timer).toBeVisible(slow)
    await expect(page.getByRole('dialog')).toContainText('This is what you wanted to do')

    // The privileges end under the open form.
    await field.fill(text)
    await expect(timer).toHaveCount(0, { timeout: 40_000 })
    await expect(field).toHaveValue(text)
    await page.getByRole('button', { name: 'Edit settings', exact: true }).click()
    await expect(page.getByRole('dialog')).toContainText('Your raised privileges have ended', slow)
    await takePictures(page, 'raise-again')
    await page.getByRole('button', { name: 'Back to what you entered' }).click()
    await expect(field).toHaveValue(text)

    // To the provider and back.
    await page.getByRole('button', { name: 'Edit settings', exact: true }).click()
    await raise(page)
    await expect(page.getByRole('dialog')).toContainText('This is what you wanted to do', slow)
    await expect(field).toHaveValue(text)
    assert.equal(await page.evaluate(() => sessionStorage.getItem('seneschal.wanted')), null)
    await page.getByRole('button', { name: 'Edit settings', exact: true }).click()
    await expect(page.getByRole('dialog')).toHaveCount(0, slow)

    // Somebody else in the same tab is not shown it.
    await page.evaluate(
      (entered) =>
        sessionStorage.setItem(
          'seneschal.wanted',
          JSON.stringify({
            person: 'jacintar',
            action: 'edit',
            target: { account: 'atmosphere_stage', workflow: 'clouds' },
            args: { environment: { SECRET: entered } },
          }),
        ),
      text,
    )
    await context.clearCookies()
    await page.goto(`/auth/login?return=${encodeURIComponent(path)}`)
    await authenticate(page, 'admin')
    await expect(page.getByRole('row', { name: /^climb / }).first()).toBeVisible(slow)
    await expect(page.getByRole('dialog')).toHaveCount(0)
    assert.equal(await page.evaluate(() => sessionStorage.getItem('seneschal.wanted')), null)
  } finally {
    await browser.close()
    await site.stop()
  }
})
