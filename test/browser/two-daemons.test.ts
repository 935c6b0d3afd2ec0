/** What somebody sees of two daemons while one of them is dead: its rows are grey with their age, the other's are live. */
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
import { startTwoDaemons } from '../harness/two-daemons.ts'

const slow = { timeout: 40_000 }

const listOf = (page: Page, account: string) => page.getByRole('list', { name: `Workflows of ${account}` })
const banner = (page: Page) => page.locator('.banner', { hasText: 'daemon.silent' })

/** Holds, or releases, the one task of the account's workflow, as somebody would, and waits for the outcome. */
const act = async (page: Page, account: string, action: 'Hold' | 'Release'): Promise<void> => {
  await page.goto(`/accounts/${account}/workflows/calm?q=wait`)
  await page.getByRole('button', { name: 'open all' }).click(slow)
  const row = page.getByRole('row', { name: 'wait 1' })
  await row.getByRole('button', { name: /^Actions for/ }).click(slow)
  await page.getByRole('menuitem', { name: new RegExp(`^${action}`) }).click()
  const raise = page.getByRole('button', { name: 'Sign in again and raise' })
  const confirm = page.getByRole('dialog').getByRole('button', { name: action, exact: true })
  const outcome = row.getByText(`${action}: done`)
  await expect(raise.or(confirm).or(outcome).first()).toBeVisible(slow)
  if (await raise.isVisible()) {
    await raise.click()
    await authenticate(page, 'jacintar')
    await expect(confirm.or(outcome).first()).toBeVisible(slow)
  }
  if (await confirm.isVisible()) await confirm.click()
  await expect(outcome).toBeVisible(slow)
}

test('a daemon that dies greys its own rows with their age; what another one runs is live, and obeys', {
  skip: hasBrowser ? false : 'no Chromium on this machine',
}, async () => {
  const site = await startTwoDaemons()
  const browser = await launchBrowser()
  try {
    const context = await newBrowser(browser, site.url)
    const home = await signIn(context, 'jacintar')
    for (const account of ['atmosphere_stage', 'oceans_stage'])
      await expect(listOf(home, account).getByRole('link', { name: `${account}/calm` })).toBeVisible(slow)
    const wall = await context.newPage()
    await wall.goto('/wall')
    const tile = (account: string) =>
      wall
        .getByRole('list', { name: 'Workflows' })
        .getByRole('listitem')
        .filter({ hasText: `${account}/calm` })
    await expect(tile('oceans_stage')).toBeVisible(slow)

    site.kill('south')
    await expect(banner(home)).toContainText(/daemon south has been silent for \d+/, slow)
    await expect(listOf(home, 'oceans_stage')).toHaveClass(/stale/)
    await expect(listOf(home, 'atmosphere_stage')).not.toHaveClass(/stale/)
    await expect(tile('oceans_stage')).toHaveClass(/stale/, slow)
    await expect(tile('atmosphere_stage')).not.toHaveClass(/stale/)
    await expect(wall.getByText(/Daemon south silent for/)).toBeVisible()
    await takePictures(home, 'one-of-two-daemons')
    await takePictures(wall, 'one-of-two-daemons-wall')

    const page = await context.newPage()
    await act(page, 'atmosphere_stage', 'Hold')
    await expect(listOf(home, 'oceans_stage')).toHaveClass(/stale/)
    const answer = await context.request.get('/api/accounts')
    const { daemons } = (await answer.json()) as { daemons: { daemon: string; silent: boolean }[] }
    assert.deepEqual(daemons.map(({ daemon, silent }) => [daemon, silent]).sort(), [
      ['north', false],
      ['south', true],
    ])

    site.start('south')
    await expect(banner(home)).toHaveCount(0, slow)
    await expect(listOf(home, 'oceans_stage')).not.toHaveClass(/stale/)
    // Its own site stands in the grant: it takes it, and it alone would.
    await act(page, 'oceans_stage', 'Hold')
  } finally {
    await browser.close()
    await site.stop()
  }
})
