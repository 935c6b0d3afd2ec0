/** An owner changes permissions in the browser: wrong at first, seen before they apply, felt by others, brought back. */
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

const siteFile = `
permissions: { read: [everyone], execute: [everyone] }
roles: { admin: [user:admin] }
accounts: { atmosphere_stage: { owners: [user:jacintar] }, oceans_stage: {} }
`
const slow = { timeout: 30_000 }

test('permissions are written, tried out, applied after raising without losing a word, and brought back', {
  skip: hasBrowser ? false : 'no Chromium on this machine',
}, async () => {
  const site = await startSite({ ssh: false, elevation: 'PT10M', siteFile })
  const browser = await launchBrowser()
  try {
    const mel = await signIn(await newBrowser(browser, site.url), 'mel', '/accounts/atmosphere_stage')
    await expect(mel.getByRole('link', { name: 'clouds' })).toBeVisible(slow)
    await expect(mel.getByRole('link', { name: 'Permissions' })).toHaveCount(0)
    await mel.goto('/accounts/atmosphere_stage/permissions')
    await expect(mel.getByText('There is nothing here')).toBeVisible(slow)
    await mel.goto('/accounts/atmosphere_stage')

    const page = await signIn(await newBrowser(browser, site.url), 'jacintar', '/accounts/atmosphere_stage')
    // Why: about oneself, and, as an owner, about somebody else.
    await page.getByRole('button', { name: /^Actions for .*clouds/ }).click(slow)
    await page.getByRole('menuitem', { name: /^What may I do/ }).click()
    await page.getByRole('button', { name: 'Why: hold' }).click(slow)
    await expect(page.getByRole('dialog')).toContainText('jacintar owns atmosphere_stage', slow)
    await page.getByLabel('About').fill('mel')
    await page.getByRole('button', { name: 'Ask' }).click()
    await expect(page.getByRole('heading', { name: /What mel may do/ })).toBeVisible(slow)
    await expect(page.getByRole('dialog')).toContainText('The site layer allows execute to everyone', slow)
    await takePictures(page, 'explain')
    await page.keyboard.press('Escape')

    await page.getByRole('link', { name: 'Permissions' }).click(slow)
    const editor = page.getByRole('textbox', { name: 'Permissions' })
    const preview = page.getByRole('button', { name: 'Preview' })
    await expect(page.getByText('There never were rules of its own here')).toBeVisible(slow)
    await expect(preview).toBeDisabled()

    // A typo leads to its place.
    await editor.fill('execute: [owner]\nreed: [owner]')
    await preview.click()
    const place = page.getByRole('button', { name: 'Line 2, column 1' })
    await expect(place).toBeVisible(slow)
    await takePictures(page, 'permissions-wrong')
    await place.click()
    await page.keyboard.press('Shift+End')
    await page.keyboard.type('read: [owner]')
    await expect(editor).toHaveValue('execute: [owner]\nread: [owner]')

    await preview.click()
    const everybody = page.getByRole('row', { name: /^everybody who is signed in/ })
    await expect(everybody).toContainText('all of read', slow)
    await expect(everybody).toContainText('all of execute')
    await takePictures(page, 'permissions-preview')

    // To the provider and back: nothing is typed twice, and nothing is done by itself.
    await page.getByRole('button', { name: 'Raise privileges and apply' }).click()
    await expect(page.getByRole('dialog')).toContainText('What you wrote is kept')
    await page.getByRole('button', { name: 'Sign in again and raise' }).click()
    await authenticate(page, 'jacintar')
    await expect(editor).toHaveValue('execute: [owner]\nread: [owner]', slow)
    await preview.click()
    await page.getByRole('button', { name: 'Apply', exact: true }).click(slow)
    await expect(page.getByText('The permissions are changed').first()).toBeVisible(slow)
    await expect(page.getByText('in force', { exact: true })).toBeVisible(slow)
    // The other one's page, open all the while.
    await expect(mel.getByRole('link', { name: 'clouds' })).toHaveCount(0, slow)

    await editor.fill('execute: [owner]')
    await preview.click()
    await page.getByRole('button', { name: 'Apply', exact: true }).click(slow)
    await expect(page.getByRole('button', { name: 'Bring version 1 back' })).toBeVisible(slow)
    await page.getByRole('button', { name: 'What version 2 changed' }).click()
    await expect(page.locator('.layer-diff')).toContainText('read: [owner]')
    await page.getByRole('button', { name: 'Bring version 1 back' }).click()
    await expect(everybody).toContainText('all of read', slow)
    await takePictures(page, 'permissions-history')
    await page.getByRole('button', { name: 'Apply', exact: true }).click()
    await expect(page.getByText('jacintar, version 1 again')).toBeVisible(slow)
  } finally {
    await browser.close()
    await site.stop()
  }
})
