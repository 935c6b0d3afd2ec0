/** A page that is open in a real browser while the parts behind it are killed: live again in time, never reloaded. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { hasBrowser, launchBrowser, newBrowser, signIn } from '../harness/browser.ts'
import { definitions, liveWithin, siteFile } from '../harness/kill-load.ts'
import { killAll } from '../harness/kill-processes.ts'
import { account, cannotStand, type KillSite, type Part, startKillSite } from '../harness/kill-site.ts'
import { until } from '../harness/until.ts'

const parts = ['hub', 'uiserver', 'daemon', 'sshd', 'agent', 'supervisor'] as const satisfies readonly Part[]
const workflowPage = `/accounts/${account(0)}/workflows/steady`

/** Until then a page may not have noticed yet that anything is gone, ms. */
const noticedWithin = 300

type Heard = { readonly type: string; readonly at: number; readonly from: number; readonly seq: number }
type Socket = { readonly url: string; open: boolean; readonly heard: Heard[] }

const watchSockets = (page: Page): readonly Socket[] => {
  const sockets: Socket[] = []
  page.on('websocket', (socket) => {
    const seen: Socket = { url: socket.url(), open: true, heard: [] }
    sockets.push(seen)
    socket.on('framereceived', ({ payload }) => {
      const { type, from, seq } = JSON.parse(String(payload)) as Omit<Heard, 'at'>
      seen.heard.push({ type, at: Date.now(), from, seq })
    })
    socket.on('close', () => {
      seen.open = false
    })
  })
  return sockets
}

/** What a page is told on its way, over all of its connections: each delta begins where the last one ended. */
const mustBeGapless = (sockets: readonly Socket[]): void => {
  let last: number | undefined
  for (const { heard } of sockets)
    for (const frame of heard) {
      if (frame.type === 'delta' && last !== undefined)
        assert.equal(frame.from, last + 1, 'no change was missed')
      if (frame.type === 'delta' || frame.type === 'reset') last = frame.seq
    }
  assert.ok(last !== undefined)
}

const lastCycle = (page: Page): Promise<number> =>
  page
    .locator('[role=row][data-id^="task:"]')
    .evaluateAll((rows) =>
      Math.max(
        0,
        ...rows.map((row) => Number(/^task:([^/]+)\//.exec(row.getAttribute('data-id') ?? '')?.[1])),
      ),
    )

/** Epoch ms. */
const backAt = async (site: KillSite, part: Part, since: number, page: Page): Promise<number> => {
  const isOn = async (): Promise<boolean> => {
    const answer = await page.request.get(`/api/accounts/${account(0)}`).catch(() => undefined)
    if (answer?.status() !== 200 || site.find('uiserver').length === 0) return false
    return ((await answer.json()) as { server: { state: string } }).server.state === 'on'
  }
  await until(
    () => (part === 'hub' || part === 'daemon' || part === 'sshd' ? site.answers(part, since) : isOn()),
    30_000,
  )
  return Date.now()
}

const isMarked = (page: Page): Promise<boolean> => page.evaluate(() => 'markOfTheTest' in window)

const survives = async (
  site: KillSite,
  page: Page,
  sockets: readonly Socket[],
  part: Part,
): Promise<number> => {
  const cycle = await lastCycle(page)
  const since = Date.now()
  await killAll(site.find(part))
  if (part === 'sshd') await site.startSshd()
  const back = await backAt(site, part, since, page)
  const isLive = (kind: RegExp): boolean =>
    sockets.findLast(({ url }) => kind.test(url))?.heard.some(({ at }) => at >= since + noticedWithin) ===
    true
  await until(() => isLive(/\/u\//) && isLive(/\/api\/wall/), 30_000).catch(async (thrown: unknown) => {
    const last = sockets.slice(-6).map(({ url, open, heard }) => ({ url, open, last: heard.at(-1) }))
    const shown = await page.locator('main').innerText()
    throw new Error(`${part}: not live ${JSON.stringify({ since, back, last })}\n${shown}`, { cause: thrown })
  })
  const toLive = Math.max(0, Date.now() - back)
  assert.ok(toLive <= liveWithin, `${part}: live again ${toLive} ms after it was back`)
  await until(async () => (await page.locator('.workflow-body.stale').count()) === 0, liveWithin)
  await until(async () => (await lastCycle(page)) > cycle, 30_000)
  assert.ok(await isMarked(page), `${part}: the page was not reloaded`)
  return toLive
}

const openPage = async (t: TestContext, site: KillSite): Promise<Page> => {
  const browser = await launchBrowser()
  t.after(() => browser.close())
  const page = await signIn(await newBrowser(browser, site.url), 'mel')
  return page
}

test('an open page is live again in time after each part was killed, without a reload', {
  skip: cannotStand === false && !hasBrowser ? 'no Chromium on this machine' : cannotStand,
}, async (t) => {
  const site = await startKillSite({ definitions, siteFile, restartAfterMs: 1000 })
  t.after(() => site.close())
  const page = await openPage(t, site)
  const sockets = watchSockets(page)
  await page.goto(workflowPage)
  await page.getByRole('treegrid', { name: 'Tasks of steady' }).waitFor({ timeout: 30_000 })
  await page.evaluate(() => Object.assign(window, { markOfTheTest: true }))
  for (const part of parts)
    t.diagnostic(`${part}: live after ${await survives(site, page, sockets, part)} ms`)
  mustBeGapless(sockets.filter(({ url }) => url.includes('/u/')))
})
