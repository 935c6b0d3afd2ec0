/** The audit page: asked by its address, live and joined, opened by keys, and exported. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { expect } from '@playwright/test'
import { auditRecord } from '../../protocol/audit.ts'
import { daemonRecord } from '../harness/audit-record.ts'
import { hasBrowser, launchBrowser, newBrowser, signIn, takePictures } from '../harness/browser.ts'
import { startTestHub } from '../harness/hub.ts'
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
  const put = async (from: number, to: number, over: Parameters<typeof daemonRecord>[1] = {}) => {
    for (let seq = from; seq <= to; seq += 1)
      await h.feed.put('audit', `daemon/main#${seq}`, daemonRecord(seq, over))
  }
  return { h, put, context: await newBrowser(chromium, origin) }
}

test('what is asked for stands in the address, and what is recorded comes in its place', {
  skip,
}, async (t) => {
  const { put, context } = await begin(t)
  await put(1, 130)
  await put(131, 131, {
    action: 'hold',
    outcome: 'refused',
    sentence: 'User jacintar was refused to hold x task',
  })
  await put(132, 132, { workflow: 'secret', person: 'owner', sentence: 'nobody here may know' })
  const page = await signIn(context, 'jacintar', '/audit')
  const list = page.getByRole('list', { name: 'Audit records' })
  const lines = list.getByRole('listitem')
  await expect(page.getByText('live', { exact: true })).toBeVisible(slow)
  await expect(list).toContainText('signed in', slow)
  await page.getByLabel('Workflow').fill('clouds')
  await expect(list).not.toContainText('signed in', slow)
  await expect(lines).toHaveCount(100, slow)
  await page.getByRole('button', { name: 'Older records' }).click()
  await expect(lines).toHaveCount(131, slow)
  await page.evaluate(() => scrollTo(0, 0))
  await put(133, 140)
  await expect(lines).toHaveCount(139, slow)
  await expect(lines.first()).toContainText('climb.140')

  await context.setOffline(true)
  await put(141, 150)
  await context.setOffline(false)
  await page.reload()
  await expect(lines.first()).toContainText('climb.150', slow)
  await takePictures(page, 'audit')

  await page.getByRole('combobox', { name: 'Outcome' }).selectOption('refused')
  await page.getByRole('combobox', { name: 'Action' }).selectOption('hold')
  await expect(lines).toHaveCount(1, slow)
  assert.match(page.url(), /\?workflow=clouds&outcome=refused&action=hold$/)
  await page.reload()
  await expect(lines).toHaveCount(1, slow)
  await put(151, 151)
  await put(152, 152, {
    action: 'hold',
    outcome: 'refused',
    sentence: 'User jacintar was refused to hold y task',
  })
  await expect(lines).toHaveCount(2, slow)

  await lines.first().getByRole('button').focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await expect(lines.last()).toContainText('record 131 of daemon/main')
  await takePictures(page, 'audit-opened')
  await page.setViewportSize({ width: 360, height: 740 })
  assert.ok(
    await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
    'nothing is cut off',
  )
  await page.setViewportSize({ width: 1440, height: 900 })

  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Export' }).click()
  const text = await readFile(await (await download).path(), 'utf8')
  const records = text.trimEnd().split('\n')
  assert.deepEqual(
    records.map((line) => auditRecord.parse(JSON.parse(line)).seq),
    [152, 131],
  )

  await page.getByLabel('Text').fill('no such thing')
  await expect(page.getByText('No record matches')).toBeVisible(slow)
  await takePictures(page, 'audit-empty')
  await page.getByRole('button', { name: 'clear' }).click()
  await expect(lines).toHaveCount(100, slow)
  assert.ok(!(await page.content()).includes('nobody here may know'))
})

test('while somebody reads further down the list stands still, and says how much is newer', {
  skip,
}, async (t) => {
  const { put, context } = await begin(t)
  await put(1, 100)
  const page = await signIn(context, 'jacintar', '/audit')
  await page.getByLabel('Workflow').fill('clouds')
  const list = page.getByRole('list', { name: 'Audit records' })
  await expect(list).not.toContainText('signed in', slow)
  const lines = list.getByRole('listitem')
  await expect(lines).toHaveCount(100, slow)
  await page.evaluate(() => scrollTo(0, 900))
  await put(101, 103)
  await page.getByRole('button', { name: '3 newer' }).click(slow)
  await expect(lines).toHaveCount(103, slow)
  await expect(lines.first()).toContainText('climb.103')
})
