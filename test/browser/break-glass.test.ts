/** The door without the identity provider, as somebody lives it: two commands on the host, one click in a browser. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { expect } from '@playwright/test'
import { hasBrowser, launchBrowser, newBrowser, signIn, takePictures } from '../harness/browser.ts'
import { type RunningSite, startSite } from '../harness/site.ts'

const slow = { timeout: 30_000 }
const passphrase = 'correct horse battery staple of the test'
const program = join(import.meta.dirname, '..', '..', 'cli/main.ts')

/** The passphrase through a pipe: it stands on no command line and in no environment. */
const command = async (site: RunningSite, args: readonly string[], secret = passphrase) => {
  const words = [program, 'hub', 'break-glass', ...args, '--config', site.layout.hubConfig]
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(`${secret}\n`)
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { out: out.trim(), err, code: Number(code) }
}

test('somebody comes in by the address that the host printed, once, and administrators see it', {
  skip: hasBrowser ? false : 'no Chromium on this machine',
}, async () => {
  const site = await startSite({ ssh: false, elevation: 'PT10M' })
  const browser = await launchBrowser()
  try {
    const admin = await signIn(await newBrowser(browser, site.url), 'admin')
    const known = await newBrowser(browser, site.url)
    await signIn(known, 'jacintar')

    assert.equal((await command(site, ['--set-up'])).code, 0)
    const wrong = await command(site, ['jacintar'], 'not the right one, but long enough')
    assert.notEqual(wrong.code, 0)
    const opened = await command(site, ['jacintar', '--minutes', '5'])
    assert.equal(opened.code, 0, opened.err)
    assert.match(opened.out, /\/break-glass#[a-z0-9]{26}$/)

    const context = await newBrowser(browser, site.url)
    const page = await context.newPage()
    await page.goto(opened.out)
    await expect(page.getByRole('heading', { name: 'Without the identity provider' })).toBeVisible(slow)
    assert.equal(await page.evaluate(() => location.hash), '', 'the code leaves the address')
    assert.equal((await context.request.get('/api/session')).status(), 401, 'a look uses nothing up')
    await takePictures(page, 'break-glass')
    await page.getByRole('button', { name: 'Come in' }).click()
    await expect(page.getByText('all that you do is marked')).toBeVisible(slow)
    await expect(page.getByRole('timer', { name: 'Time left' })).toBeVisible(slow)
    await expect(admin.getByText('jacintar came in with the sealed key')).toBeVisible(slow)
    await takePictures(admin, 'break-glass-told')
    await admin.goto('/access')
    await expect(admin.getByRole('region', { name: 'Break-glass' })).toContainText('jacintar', slow)
    await page.goto('/access')
    await expect(page.getByRole('row', { name: /this one/ })).toContainText('sealed key', slow)
    await takePictures(page, 'break-glass-session')

    const second = await (await newBrowser(browser, site.url)).newPage()
    await second.goto(opened.out)
    await second.getByRole('button', { name: 'Come in' }).click()
    await expect(second.getByRole('alert').or(second.locator('.banner'))).toBeVisible(slow)
    await expect(second.getByRole('button', { name: 'Come in' })).toBeVisible()
  } finally {
    await browser.close()
    await site.stop()
  }
})
