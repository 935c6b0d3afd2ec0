/** What somebody sees while a part of a site hangs, is full or is gone: told within ten seconds, and over by itself. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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
import { fillDiskOf, goOn, hang, holdDatabase, processesIn, serversIn } from '../harness/dead-parts.ts'
import { startSite } from '../harness/site.ts'

const soon = { timeout: 10_000 }
/** Until what was broken is whole again, which may have to be noticed, ended and started first. */
const again = { timeout: 40_000 }

const workflowPage = '/accounts/atmosphere_stage/workflows/clouds'
const rows = (page: Page) => page.locator('[role=row][data-id^="task:"]')
const banner = (page: Page, code: string) => page.locator('.banner', { hasText: code })
const serverAlert = (page: Page, account = 'atmosphere_stage') =>
  page.getByRole('alert', { name: `Server of ${account}` })

test('a site whose parts hang, are full or are gone says so, and goes on by itself', {
  skip: hasBrowser ? false : 'no Chromium on this machine',
}, async (t) => {
  const site = await startSite({ ssh: false, elevation: 'PT10M' })
  const { layout } = site
  const find = (words: RegExp) => processesIn(layout.dir, words)
  const hub = () => find(/main\.ts hub /)
  const daemon = () => find(/main\.ts daemon /)
  const browser = await launchBrowser()
  try {
    const context = await newBrowser(browser, site.url)
    const page = await signIn(context, 'jacintar', workflowPage)
    const home = await context.newPage()
    await home.goto('/')
    await expect(rows(page).first()).toBeVisible(again)

    await t.test('a UI server that hangs is told of', async () => {
      hang(serversIn(join(layout.homes, 'atmosphere_stage')))
      await expect(serverAlert(page)).toContainText('server.timeout', soon)
      await takePictures(page, 'server-hangs')
    })

    await t.test('a daemon that hangs greys what it runs', async () => {
      const goOn = hang(daemon())
      await expect(banner(page, 'daemon.silent')).toBeVisible(soon)
      await expect(home.locator('.workflow-list.stale').first()).toBeVisible()
      await takePictures(page, 'daemon-hangs')
      await takePictures(home, 'daemon-hangs-home')
      goOn()
      await expect(banner(page, 'daemon.silent')).toHaveCount(0, soon)
      await expect(home.locator('.workflow-list.stale')).toHaveCount(0, soon)
    })

    await t.test('and the UI server that hung was replaced', async () => {
      await expect(serverAlert(page)).toHaveCount(0, again)
      await expect(page.locator('.workflow-body:not(.stale)')).toBeVisible(again)
    })

    await t.test('feeds that are gone are told, for the site and for the account', async () => {
      for (const [name, at] of [
        ['atmosphere_stage', page],
        ['site', home],
      ] as const) {
        const feed = join(layout.site, 'feed', name)
        renameSync(feed, `${feed}.away`)
        await expect(banner(at, 'feed.unavailable')).toBeVisible(soon)
        await expect(at.locator('.stale').first()).toBeVisible(soon)
        await takePictures(at, `feed-gone-${name}`)
        renameSync(`${feed}.away`, feed)
        await expect(at.locator('.banner')).toHaveCount(0, soon)
        await expect(at.locator('.stale')).toHaveCount(0, soon)
      }
    })

    await t.test('a daemon whose disk is full says that nothing can change', async () => {
      const giveRoom = fillDiskOf(daemon(), 4096)
      await expect(banner(home, 'journal.unwritable')).toBeVisible(soon)
      await takePictures(home, 'daemon-disk-full')
      giveRoom()
      await expect(home.locator('.banner')).toHaveCount(0, soon)
    })

    await t.test('a site file with an error leaves the one before in force', async () => {
      const right = readFileSync(layout.siteFile, 'utf8')
      writeFileSync(layout.siteFile, `${right}\nunknown: true\n`)
      await expect(banner(home, 'config.refused')).toBeVisible(soon)
      await takePictures(home, 'site-file')
      writeFileSync(layout.siteFile, right)
      await expect(home.locator('.banner')).toHaveCount(0, soon)
    })

    await t.test('definitions with errors stand beside what they are of, with file and line', async () => {
      const dir = join(layout.definitions, 'atmosphere_stage')
      mkdirSync(join(dir, 'broken'))
      writeFileSync(join(dir, 'broken/workflow.yaml'), 'schedule: { initial: 1 }\ngraph: a => \n')
      writeFileSync(join(dir, 'account.yaml'), 'title: Stage\nnonsense: 1\n')
      await expect(home.getByText(/broken\/workflow\.yaml:\d+:\d+/)).toBeVisible(soon)
      await expect(home.getByText(/^atmosphere_stage\/account\.yaml:2:1/)).toBeVisible(soon)
      await takePictures(home, 'definitions')
      rmSync(join(dir, 'broken'), { recursive: true })
      rmSync(join(dir, 'account.yaml'))
      await expect(home.getByText(/account\.yaml:2:1/)).toHaveCount(0, soon)
    })

    await t.test('a database that somebody else holds changes nothing and ends no session', async () => {
      const release = await holdDatabase(join(layout.hub, 'hub.sqlite'))
      await page.getByRole('button', { name: 'Raise' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByRole('button', { name: 'Sign in again' }).click()
      await expect(dialog).toContainText('store.unavailable', soon)
      await takePictures(page, 'database-held')
      const stranger = await newBrowser(browser, site.url)
      const door = await stranger.newPage()
      await door.goto('/auth/login')
      await expect(door.getByRole('alert')).toContainText('store.unavailable', soon)
      await takePictures(door, 'database-held-sign-in')
      await page.reload()
      await expect(rows(page).first()).toBeVisible(soon)
      await release()
      await door.getByRole('link', { name: 'Try again' }).click()
      await authenticate(door, 'mel')
      await expect(door.getByRole('main')).toContainText('atmosphere_stage', soon)
      await stranger.close()
    })

    await t.test('a provider that hangs is told where somebody wants to sign in, or to raise', async () => {
      const goOn = hang(find(/main\.ts demo /))
      await page.getByRole('button', { name: 'Raise' }).click()
      const dialog = page.getByRole('dialog')
      const stranger = await newBrowser(browser, site.url)
      const door = await stranger.newPage()
      await Promise.all([
        dialog.getByRole('button', { name: 'Sign in again' }).click(),
        door.goto('/auth/login'),
      ])
      await expect(door.getByRole('alert')).toContainText('auth.provider-unavailable', soon)
      await expect(dialog).toContainText('auth.provider-unavailable', soon)
      await takePictures(page, 'provider-hangs-raise')
      await takePictures(door, 'provider-hangs-sign-in')
      goOn()
      await door.getByRole('link', { name: 'Try again' }).click()
      await authenticate(door, 'mel')
      await expect(door.getByRole('main')).toContainText('atmosphere_stage', soon)
      await dialog.getByRole('button', { name: 'Try again' }).click()
      await authenticate(page, 'jacintar')
      await expect(page.getByRole('group', { name: /Privileges raised/ })).toBeVisible(soon)
      await stranger.close()
    })

    await t.test(
      'without an audit log no server is started and nothing is done, but all is shown',
      async () => {
        const log = await home.context().newPage()
        await log.goto('/audit')
        await expect(log.getByText('live', { exact: true })).toBeVisible(soon)
        const giveRoom = fillDiskOf(hub(), 512)
        await home.goto('/accounts/oceans_stage')
        await expect(serverAlert(home, 'oceans_stage')).toContainText('audit.unwritable', soon)
        await expect(banner(home, 'audit.unwritable').first()).toContainText('Nothing can be recorded', soon)
        await takePictures(home, 'audit-full')
        const nothing = log.getByRole('alert').filter({ hasText: 'Nothing can be recorded' })
        await expect(nothing).toContainText('stop, hold, kill, pause and drain', soon)
        await expect(log.getByRole('list', { name: 'Audit records' }).getByRole('listitem')).not.toHaveCount(
          0,
        )
        await takePictures(log, 'audit-unwritable')
        giveRoom()
        await expect(nothing).toHaveCount(0, again)
        await log.close()
        await expect(serverAlert(home, 'oceans_stage')).toHaveCount(0, again)
        await expect(home.locator('.server-on')).toBeVisible(again)
      },
    )
  } finally {
    goOn(find(/./))
    await browser.close()
    await site.stop()
  }
})
