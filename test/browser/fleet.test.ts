/** An administrator looks after servers and hosts: stops, starts, reads logs, and empties a host under its viewers. */
import assert from 'node:assert/strict'
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
import { startFleet } from '../harness/fleet.ts'
import { canRunHosts } from '../harness/hosts.ts'
import { freePort } from '../harness/ports.ts'

const webDir = join(import.meta.dirname, '../../dist/web')
const slow = { timeout: 30_000 }

const missing = !hasBrowser
  ? 'no Chromium on this machine'
  : canRunHosts()
    ? false
    : 'needs root, namespaces and sshd'

test('a host is condemned and emptied while somebody looks at a server on it, who notices nothing', {
  skip: missing,
}, async (t) => {
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const fleet = await startFleet(t, {
    ...{ hosts: ['n1', 'n2'], accounts: 3, at: { origin, port } },
    config: { webDir, elevation: { duration: 'PT10M' } },
  })
  const [first = '', second = '', third = ''] = fleet.accounts
  const visitor = await fleet.hub.signIn('mel')
  for (const account of [second, third]) assert.equal((await fleet.open(visitor, account)).state, 'on')
  const browser = await launchBrowser()
  t.after(() => browser.close())

  const mel = await signIn(await newBrowser(browser, origin), 'mel', `/accounts/${first}/workflows/clouds`)
  await expect(mel.locator('.workflow-body:not(.stale)')).toBeVisible(slow)
  const { host: from } = await fleet.row(visitor, first)
  assert.ok(from !== null)

  const page = await signIn(await newBrowser(browser, origin), 'admin', '/servers')
  await expect(page.getByText('Administration needs raised privileges')).toBeVisible(slow)
  await page.getByRole('button', { name: 'Raise', exact: true }).click()
  await page.getByRole('button', { name: 'Sign in again and raise' }).click()
  await authenticate(page, 'admin')
  const row = (account: string) => page.getByRole('row', { name: new RegExp(`^${account} `) })
  await expect(row(first)).toContainText('mel', slow)
  await expect(row(first)).toContainText(from)
  await expect(row(first)).toContainText(/\d MB/, slow)
  const card = (host: string) => page.getByRole('article', { name: `Host ${host}` })
  await expect(card(from).getByRole('img', { name: /load of its cores now/ })).toBeVisible(slow)
  await takePictures(page, 'servers')

  await t.test('its own log is read', async () => {
    await page.getByRole('button', { name: `Log of ${first}` }).click()
    await expect(page.getByRole('log')).toContainText('ready', slow)
    await takePictures(page, 'servers-log')
    await page.getByRole('button', { name: 'Close' }).click()
  })

  await t.test('one is stopped and started again', async () => {
    await page.getByRole('button', { name: `Stop ${second}` }).click()
    await expect(page.getByRole('dialog')).toContainText('Nobody looks at it')
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await expect(row(second)).toContainText('server off', slow)
    await page.getByRole('button', { name: `Start ${second}` }).click()
    await expect(row(second)).toContainText('server on', slow)
  })

  await t.test('a condemned host takes no more, and is emptied under its viewer', async () => {
    await card(from)
      .getByRole('button', { name: /^Condemn/ })
      .click()
    await page.getByLabel('Reason').fill('new disks')
    await takePictures(page, 'host-condemn')
    await page.getByRole('dialog').getByRole('button', { name: 'Condemn' }).click()
    await expect(card(from)).toContainText('Condemned by admin', slow)
    await expect(card(from)).toContainText('new disks')
    await card(from)
      .getByRole('button', { name: /^Move servers/ })
      .click()
    await page.getByRole('radio', { name: /^All/ }).check()
    await takePictures(page, 'host-empty')
    await page.getByRole('dialog').getByRole('button', { name: 'Move' }).click()
    await expect(card(from)).toContainText('0 servers of this hub', slow)
    await expect(card(from)).toContainText(/\d servers? moved\./, slow)
    await expect.poll(async () => (await fleet.row(visitor, first)).host, slow).not.toBe(from)
    await expect(mel.locator('.workflow-body:not(.stale)')).toBeVisible(slow)
    assert.equal(new URL(mel.url()).pathname, `/accounts/${first}/workflows/clouds`)
    assert.equal((await fleet.hosts.host(from).processes(first)).size, 0)
    await takePictures(page, 'servers-emptied')
    await card(from)
      .getByRole('button', { name: /^Restore/ })
      .click()
    await expect(card(from).getByRole('button', { name: /^Condemn/ })).toBeVisible(slow)
  })
})

test('whoever is no administrator has no such page', { skip: missing }, async (t) => {
  const port = await freePort()
  const origin = `http://localhost:${port}`
  await startFleet(t, { ...{ hosts: ['n1'], accounts: 1, at: { origin, port } }, config: { webDir } })
  const browser = await launchBrowser()
  t.after(() => browser.close())
  const page = await signIn(await newBrowser(browser, origin), 'mel', '/servers')
  await expect(page.getByText(/no such page|nothing here/i)).toBeVisible(slow)
  await expect(page.getByRole('link', { name: 'Servers' })).toHaveCount(0)
})
