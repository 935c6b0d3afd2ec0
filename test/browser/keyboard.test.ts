/** The dashboard without a pointer and without a screen: where the focus goes, and what things are called. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expect, type Locator } from '@playwright/test'
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

/** Its only task fails at once, so that it stalls, and nothing on its page moves any more. */
const steady = {
  'atmosphere_stage/steady/workflow.yaml': [
    'schedule: { initial: 1, recurrence: P1, runahead: 1 }',
    'graph: climb',
    'tasks: { climb: { script: exit 1 } }',
    '',
  ].join('\n'),
}
const workflowPage = '/accounts/atmosphere_stage/workflows/steady'
const slow = { timeout: 20_000 }

const press = async (page: Page, ...keys: readonly string[]): Promise<void> => {
  for (const key of keys) await page.keyboard.press(key)
}

/** As somebody would who does not know the page: Tab, until it is there. */
const tabTo = async (page: Page, wanted: Locator, most = 40): Promise<void> => {
  for (let count = 0; count < most; count += 1) {
    await press(page, 'Tab')
    if (await wanted.evaluate((element) => element === document.activeElement)) return
  }
  assert.fail(`${wanted} is not reached with ${most} tabs`)
}
const isWithin = (locator: Locator): Promise<boolean> =>
  locator.evaluate((element) => element.contains(document.activeElement))

const main = (page: Page) => page.getByRole('main')
const row = (page: Page, name: RegExp) => page.getByRole('row', { name })
const climb = (page: Page) => row(page, /^climb 1, failed/)
const job = (page: Page) => row(page, /^job 01 of climb 1, failed/)
const panel = (page: Page) => page.getByRole('complementary', { name: 'climb 1' })
const menu = (page: Page) => page.getByRole('menu', { name: 'Actions for climb 1' })

const skipsToTheContent = async (page: Page): Promise<void> => {
  await press(page, 'Tab')
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused()
  await press(page, 'Enter')
  await expect(main(page)).toBeFocused()
  await press(page, 'Tab')
  assert.ok(await isWithin(main(page)), 'the next stop is within the content')
}

const hearsHowWorkflowsAre = async (page: Page): Promise<void> => {
  const list = page.getByRole('list', { name: 'Workflows of atmosphere_stage' })
  const link = list.getByRole('link', { name: 'atmosphere_stage/steady' })
  await expect(link).toHaveAccessibleName(
    /^atmosphere_stage\/steady stalled .*\b1 failed changed (?:just now|.* ago)$/,
    slow,
  )
  await takePictures(page, 'keyboard-home')
  await tabTo(page, link, 60)
  await press(page, 'Enter')
  await expect(page).toHaveURL(new RegExp(`${workflowPage}$`))
  await expect(main(page)).toBeFocused()
  await expect(climb(page)).toBeVisible(slow)
}

const walksTheTree = async (page: Page): Promise<void> => {
  const cycle = row(page, /^cycle 1, 0 of 1 succeeded, 1 failed$/)
  await tabTo(page, cycle)
  await press(page, 'ArrowDown')
  await expect(climb(page)).toBeFocused()
  await press(page, 'ArrowLeft')
  await expect(cycle).toBeFocused()
  await press(page, 'ArrowLeft')
  await expect(cycle).toHaveAttribute('aria-expanded', 'false')
  await expect(climb(page)).toHaveCount(0)
  await press(page, 'ArrowRight', 'End')
  await expect(climb(page)).toBeFocused()
  await press(page, 'ArrowRight', 'ArrowDown')
  await expect(job(page)).toBeFocused()
  await expect(page.getByRole('treegrid', { name: 'Tasks of steady' })).toHaveAttribute('aria-rowcount', '4')
  await expect(job(page)).toHaveAttribute('aria-rowindex', '4')
}

const opensAJobAndComesBack = async (page: Page): Promise<void> => {
  await press(page, 'Enter')
  await expect(page).toHaveURL(/\/cycles\/1\/tasks\/climb\?job=1$/)
  await expect(panel(page)).toBeFocused()
  await expect(panel(page).getByRole('button', { name: 'job 1, failed' })).toHaveAttribute(
    'aria-pressed',
    'true',
  )
  await takePictures(page, 'keyboard-workflow')
  await tabTo(page, panel(page).getByRole('log', { name: 'job.out' }))
  await press(page, 'Escape')
  await expect(panel(page)).toHaveCount(0)
  await expect(job(page)).toBeFocused()
  await press(page, 'ArrowUp', 'Enter')
  await expect(panel(page)).toBeFocused()
  await tabTo(page, panel(page).getByRole('link', { name: 'Close panel' }))
  await press(page, 'Enter')
  await expect(climb(page)).toBeFocused()
}

const opensMenusAndDialogs = async (page: Page): Promise<void> => {
  const button = page.getByRole('button', { name: 'Actions for climb 1' })
  await press(page, 'Control+m')
  await expect(menu(page)).toHaveCount(0)
  await press(page, 'm')
  await expect(menu(page).getByRole('menuitem').first()).toBeFocused()
  await press(page, 'ArrowUp')
  await expect(menu(page).getByRole('menuitem', { name: 'What may I do here?' })).toBeFocused()
  await press(page, 'Escape')
  await expect(menu(page)).toHaveCount(0)
  await expect(climb(page)).toBeFocused()
  await press(page, 'Tab')
  await expect(button).toBeFocused()

  // Who is quick opens it again before the browser has told that it was closed.
  await press(page, 'Enter')
  await expect(menu(page)).toBeVisible()
  await menu(page).evaluate((element) => {
    if (element instanceof HTMLElement) element.hidePopover()
    document.querySelector<HTMLElement>(`[aria-controls="${element.id}"]`)?.click()
  })
  await expect(menu(page).getByRole('menuitem').first()).toBeFocused()
  await press(page, 'Escape')
  await expect(button).toBeFocused()
  await expect(menu(page)).toHaveCount(0)

  // Rows that come or go above move it along with its button; only one that is out of sight closes it.
  await press(page, 'Enter')
  await expect(menu(page)).toBeVisible()
  const top = () => menu(page).evaluate((element) => element.getBoundingClientRect().top)
  const before = await top()
  const moveBy = (pixels: string) =>
    page.evaluate((height) => {
      const main = document.querySelector('main')
      if (main !== null) main.style.paddingTop = height
      document.dispatchEvent(new Event('scroll'))
    }, pixels)
  await moveBy('60px')
  await expect.poll(top).not.toBe(before)
  await moveBy('5000px')
  await expect(menu(page)).toHaveCount(0)
  await moveBy('')

  await press(page, 'Enter', 'Tab')
  await expect(menu(page)).toHaveCount(0)
  await press(page, 'Shift+Tab')
  await expect(button).toBeFocused()

  await press(page, 'Enter', 'End', 'Enter')
  const rights = page.getByRole('dialog', { name: 'What you may do with atmosphere_stage/steady' })
  await expect(rights).toBeVisible()
  for (let count = 0; count < 8; count += 1) {
    await press(page, 'Shift+Tab')
    const outside = await page.evaluate(
      () => document.activeElement !== document.body && document.activeElement?.closest('dialog') === null,
    )
    assert.equal(outside, false, 'the page behind a dialog is out of reach')
  }
  await press(page, 'Escape')
  await expect(rights).toHaveCount(0)
  await expect(button).toBeFocused()
}

const raisesAndActs = async (page: Page): Promise<void> => {
  await press(page, 'Enter')
  const item = menu(page).getByRole('menuitem', { name: 'Set outputs needs privileges raised to execute' })
  for (let count = 0; count < 20; count += 1) {
    if (await item.evaluate((element) => element === document.activeElement)) break
    await press(page, 'ArrowDown')
  }
  await press(page, 'Enter')
  const raise = page.getByRole('dialog', { name: /^Raise privileges to set outputs climb 1/ })
  await expect(raise.getByRole('textbox', { name: 'Reason (optional)' })).toHaveAccessibleDescription(
    'It stands in the audit log.',
  )
  await tabTo(page, raise.getByRole('button', { name: 'Sign in again and raise' }), 10)
  await press(page, 'Enter')
  await authenticate(page, 'jacintar')

  const confirm = page.getByRole('dialog', { name: 'Set outputs: climb 1?' })
  await expect(confirm).toBeVisible(slow)
  await tabTo(page, confirm.getByRole('checkbox', { name: 'succeeded', exact: true }), 10)
  await press(page, 'Space')
  await expect(confirm.getByRole('status').filter({ hasText: 'Choose at least one output.' })).toBeVisible()
  await press(page, 'Enter')
  await expect(confirm).toBeVisible()
  await press(page, 'Space', 'Enter')
  await expect(confirm).toHaveCount(0)
  await expect(page.getByRole('status', { name: 'Latest outcomes' })).toContainText(
    'Set outputs climb 1: done',
    slow,
  )
}

const readsTheTable = async (page: Page): Promise<void> => {
  await tabTo(page, page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Table' }))
  await press(page, 'Enter')
  const table = page.getByRole('table', { name: 'Tasks of steady' })
  await expect(table.getByRole('row').nth(1)).toHaveAttribute('aria-rowindex', '2')
  const spoken = await table.ariaSnapshot()
  const heads = ['Task', 'Cycle', 'State', 'Jobs', 'Started', 'Finished', 'Took', 'Actions']
  assert.deepEqual(
    [...spoken.matchAll(/columnheader "(\w+)/g)].map(([, name]) => name),
    heads,
  )
  const [, body = ''] = spoken.split('rowgroup:')
  const first = body.split('- row ')[1] ?? ''
  assert.match(first, /^"climb \d+, \w+/)
  assert.equal(first.match(/- cell\b/g)?.length, heads.length, 'nothing but cells, one below each head')
}

const goesElsewhereAndBack = async (page: Page): Promise<void> => {
  const pages = page.getByRole('navigation', { name: 'Pages' })
  await page.reload()
  await tabTo(page, pages.getByRole('link', { name: 'Audit' }))
  await press(page, 'Enter')
  await expect(page.getByRole('heading', { name: 'Audit' })).toBeVisible(slow)
  await expect(main(page)).toBeFocused()
  await page.goBack()
  await expect(page.getByRole('table', { name: 'Tasks of steady' })).toBeVisible(slow)
  await expect(main(page)).toBeFocused()
}

const hearsTheWall = async (page: Page): Promise<void> => {
  await page.goto('/wall')
  const tile = page.getByRole('listitem').filter({ hasText: 'atmosphere_stage/clouds' })
  await expect(tile).toBeVisible(slow)
  const spoken = await tile.ariaSnapshot()
  assert.match(spoken, /atmosphere_stage\/clouds (?:running|stalled)\b/)
  assert.match(spoken, /\d+ running\b/)
  assert.match(spoken, /changed /)
  await takePictures(page, 'keyboard-wall')
}

test('the dashboard is used by keyboard alone, and says to a screen reader what it shows', {
  skip: hasBrowser ? false : 'no Chromium on this machine',
}, async (t) => {
  const site = await startSite({ ssh: false, elevation: 'PT10M', definitions: steady })
  const browser = await launchBrowser()
  try {
    const page = await signIn(await newBrowser(browser, site.url), 'jacintar')
    await expect(page.getByRole('list', { name: 'Workflows of atmosphere_stage' })).toBeVisible(slow)
    const steps: readonly (readonly [string, (page: Page) => Promise<void>])[] = [
      ['the skip link leads to the content', skipsToTheContent],
      ['a link says how its workflow is, and its page begins at the content', hearsHowWorkflowsAre],
      ['arrows walk the tree', walksTheTree],
      ['Enter opens a job, Escape closes it, and the focus is back on its row', opensAJobAndComesBack],
      ['menus and dialogs keep the focus, and give it back', opensMenusAndDialogs],
      ['privileges are raised and an action is taken', raisesAndActs],
      ['the table is a table', readsTheTable],
      ['another page begins at its content, and so does the way back', goesElsewhereAndBack],
      ['tiles of the wall have words', hearsTheWall],
    ]
    for (const [name, step] of steps) {
      let whole = false
      await t.test(name, async () => {
        await step(page)
        whole = true
      })
      // Each step begins where the one before it ended.
      if (!whole) break
    }
  } finally {
    await browser.close()
    await site.stop()
  }
})
