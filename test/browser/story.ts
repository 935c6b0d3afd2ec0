/** The main job, from signing in to falling back, as one person lives it. Told to both kinds of demonstration. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { expect } from '@playwright/test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { verifyChain } from '../../durable/chain-verify.ts'
import { authenticate, launchBrowser, newBrowser, signIn } from '../harness/browser.ts'
import { type RunningSite, type SiteOptions, startSite } from '../harness/site.ts'

/** Only its owner reads it; nobody owns the account, so nobody does. */
const hidden = {
  'oceans_stage/sealed/workflow.yaml': [
    'meta: { title: Not for you }',
    'schedule: { initial: 1, recurrence: P1, runahead: 1 }',
    'graph: deep',
    'tasks: { deep: { script: sleep 5 } }',
    'permissions: { read: [owner] }',
    '',
  ].join('\n'),
}

const slow = { timeout: 30_000 }
const elevationSeconds = 60

/** Every WebSocket of a page: its address, whether it is open, and the numbers that its frames carried. */
type Socket = { readonly url: string; open: boolean; readonly frames: Record<string, unknown>[] }
const watchSockets = (page: Page): readonly Socket[] => {
  const sockets: Socket[] = []
  page.on('websocket', (socket) => {
    const seen: Socket = { url: socket.url(), open: true, frames: [] }
    sockets.push(seen)
    socket.on('framereceived', ({ payload }) =>
      seen.frames.push(JSON.parse(String(payload)) as Record<string, unknown>),
    )
    socket.on('close', () => {
      seen.open = false
    })
  })
  return sockets
}
const streamsOf = (sockets: readonly Socket[]) => sockets.filter(({ url }) => url.includes('/u/'))

/** Sequence numbers over all sockets of a stream: each delta begins where the one before ended. */
const mustBeGapless = (sockets: readonly Socket[]): void => {
  let last: number | undefined
  let deltas = 0
  for (const { frames } of sockets)
    for (const frame of frames) {
      if (frame.type === 'reset') {
        assert.equal(last, undefined, 'only the first socket needs a reset')
        last = Number(frame.seq)
      }
      if (frame.type !== 'delta') continue
      if (last !== undefined) assert.equal(frame.from, last + 1, 'no change was missed')
      last = Number(frame.seq)
      deltas += 1
    }
  assert.ok(deltas > 1, `the stream was live: ${deltas} deltas`)
}

const workflowPage = '/accounts/atmosphere_stage/workflows/clouds'
const climbs = (page: Page, ...states: readonly string[]) =>
  page.locator(
    states
      .map((state) => `[role=row][data-id^="task:"][data-id$="/climb"][data-state="${state}"]`)
      .join(', '),
  )

/** On the home page; its name goes on with how the workflow is. */
const workflowLink = (page: Page, name: string) =>
  page.getByRole('list', { name: /^Workflows of/ }).getByRole('link', { name })

const menuOf = async (page: Page, cycle: string) => {
  await page
    .getByRole('row', { name: `climb ${cycle}` })
    .getByRole('button', { name: /^Actions for/ })
    .click()
  return page.getByRole('menu')
}

const jsonOf = async (context: BrowserContext, path: string): Promise<{ status: number; body: unknown }> => {
  const answer = await context.request.get(path)
  return { status: answer.status(), body: (await answer.json()) as unknown }
}

const raise = async (page: Page, name: string): Promise<void> => {
  await page.getByRole('button', { name: 'Sign in again and raise' }).click()
  await authenticate(page, name)
  await expect(page.getByRole('timer', { name: 'Time left' })).toBeVisible(slow)
}

type Story = {
  readonly site: RunningSite
  readonly browser: Browser
  readonly jacintar: BrowserContext
  readonly page: Page
  readonly sockets: readonly Socket[]
}

const seesEverythingShePermittedToSee = async ({ jacintar, page }: Story): Promise<void> => {
  for (const name of [
    'atmosphere_stage/clouds',
    'atmosphere_stage/winds',
    'oceans_stage/waves',
    'oceans_stage/currents',
  ])
    await expect(workflowLink(page, name)).toBeVisible(slow)
  const { body } = await jsonOf(jacintar, '/api/accounts')
  for (const { server } of (body as { accounts: { server: { state: string } }[] }).accounts)
    assert.equal(server.state, 'off')
}

/** The lines of hub and daemon. */
const auditFiles = (site: RunningSite): string =>
  [
    ...globSync(join(site.layout.hub, 'audit/*.ndjson')),
    ...globSync(join(site.layout.site, 'audit/*.ndjson')),
  ]
    .map((file) => readFileSync(file, 'utf8'))
    .join('')

const opensTheAccountTogetherWithMel = async ({ site, browser, page }: Story): Promise<void> => {
  const mel = await newBrowser(browser, site.url)
  const other = await signIn(mel, 'mel')
  await Promise.all([page, other].map((each) => each.goto(workflowPage)))
  for (const each of [page, other])
    await expect(each.getByRole('treegrid', { name: 'Tasks of clouds' })).toBeVisible(slow)
  const spawns = auditFiles(site)
    .split('\n')
    .filter((line) => line.includes('"server.spawned"') && line.includes('"atmosphere_stage"'))
  assert.equal(spawns.length, 1, 'two people shared one spawn')
  await other.getByRole('button', { name: 'Actions for atmosphere_stage/clouds' }).click()
  await expect(other.getByRole('menuitem', { name: 'What may I do here?' })).toBeVisible(slow)
  assert.equal(await other.getByRole('menuitem').count(), 1, 'mel is offered nothing to execute')
  await mel.close()
}

/** A climb that began a moment ago, so that there is time to look at it and stop it. */
const findsARunningClimb = async (page: Page): Promise<string> => {
  await page.goto(`${workflowPage}?q=climb`)
  await page.getByRole('button', { name: 'open all' }).click()
  await expect(climbs(page, 'running').first()).toBeVisible({ timeout: 90_000 })
  const before = new Set(
    await climbs(page, 'running').evaluateAll((rows) => rows.map((row) => row.dataset.id ?? '')),
  )
  await expect
    .poll(
      () =>
        climbs(page, 'running').evaluateAll(
          (rows, old) => rows.filter((row) => !old.includes(row.dataset.id ?? '')).length,
          [...before],
        ),
      { timeout: 90_000 },
    )
    .toBeGreaterThan(0)
  const now = await climbs(page, 'running').evaluateAll((rows) => rows.map((row) => row.dataset.id ?? ''))
  const id = now.find((one) => !before.has(one)) ?? ''
  return id.slice('task:'.length).split('/')[0] ?? ''
}

const readsTheLogWhileItGrows = async (page: Page, cycle: string, runsAs: string): Promise<void> => {
  await page
    .getByRole('row', { name: `climb ${cycle}` })
    .getByRole('link', { name: 'climb' })
    .click()
  const log = page.getByRole('log', { name: 'job.out' })
  await expect(log).toContainText(`climb of ${cycle}, run by ${runsAs}`, slow)
  const first = ((await log.textContent()) ?? '').length
  await expect.poll(async () => ((await log.textContent()) ?? '').length, slow).toBeGreaterThan(first)
}

const readsTheDefinition = async (page: Page): Promise<void> => {
  await page.goto(`${workflowPage}/source`)
  await expect(page.getByText('title: Model climb')).toBeVisible(slow)
}

const sessionCookie = async (context: BrowserContext): Promise<string | undefined> =>
  (await context.cookies()).find(({ name }) => name === '__Host-seneschal')?.value

const raisesAndStops = async ({ page, jacintar }: Story): Promise<string> => {
  const cycle = await findsARunningClimb(page)
  const menu = await menuOf(page, cycle)
  await expect(menu.getByRole('menuitem', { name: /^Edit/ })).toHaveCount(0)
  const stop = menu.getByRole('menuitem', { name: /^Stop/ })
  await expect(stop).toContainText('needs privileges raised')
  const before = await sessionCookie(jacintar)
  // Another tab, which does not go to the provider: its socket ends with the old session and resumes with the new.
  const tab = await jacintar.newPage()
  const sockets = watchSockets(tab)
  await tab.goto(workflowPage)
  await expect(tab.getByRole('treegrid', { name: 'Tasks of clouds' })).toBeVisible(slow)
  await stop.click()
  const place = page.url()
  await raise(page, 'jacintar')
  assert.equal(new URL(page.url()).pathname, new URL(place).pathname, 'back where she was')
  assert.notEqual(await sessionCookie(jacintar), before, 'the session was replaced')
  await expect.poll(() => streamsOf(sockets).map((socket) => socket.open), slow).toEqual([false, true])
  await page.evaluate(() => {
    document.body.dataset.mark = 'not reloaded'
  })
  await page.getByRole('dialog').getByRole('button', { name: 'Stop', exact: true }).click()
  const row = page.getByRole('row', { name: `climb ${cycle}` })
  await expect(row).toContainText('Stop: done', slow)
  await expect(row).toContainText('stopped', slow)
  await expect
    .poll(
      () =>
        streamsOf(sockets)
          .at(-1)
          ?.frames.some(({ type }) => type === 'delta'),
      slow,
    )
    .toBe(true)
  mustBeGapless(streamsOf(sockets))
  await tab.close()
  return cycle
}

const startsItAgain = async ({ page }: Story, cycle: string): Promise<void> => {
  const row = page.getByRole('row', { name: `climb ${cycle}` })
  await expect(row).toHaveAttribute('data-state', 'waiting', slow)
  await expect(page.getByRole('row', { name: `recover ${cycle}` })).toHaveCount(0)
  const menu = await menuOf(page, cycle)
  await menu.getByRole('menuitem', { name: /^Start/ }).click()
  const confirm = page.getByRole('dialog').getByRole('button', { name: 'Start', exact: true })
  if (await confirm.isVisible()) await confirm.click()
  await expect(row).toContainText('Start: done', slow)
  await expect(row).toHaveAttribute('data-state', 'running', slow)
  await expect(row).toContainText('#2')
  assert.equal(await page.evaluate(() => document.body.dataset.mark), 'not reloaded')
}

const secondBrowserNeverHadTheRight = async ({ site, browser }: Story, cycle: string): Promise<void> => {
  const second = await newBrowser(browser, site.url)
  await signIn(second, 'jacintar')
  const { body } = await jsonOf(second, '/api/session')
  assert.equal((body as { elevation: unknown }).elevation, null)
  assert.deepEqual(await stops(second, site.url, cycle), [403, 'elevation.required'])
  await second.close()
}

/** The one door, without the page: what a script with her cookie would get. */
const stops = async (context: BrowserContext, url: string, cycle: string): Promise<[number, string]> => {
  const { body } = await jsonOf(context, '/api/session')
  const answer = await context.request.post('/api/accounts/atmosphere_stage/actions/stop', {
    data: { workflow: 'clouds', cycle, task: 'climb' },
    headers: { 'X-CSRF-Token': (body as { csrf: string }).csrf, Origin: url },
  })
  const said = (await answer.json()) as { error?: { code: string } }
  return [answer.status(), said.error?.code ?? 'accepted']
}

const auditSays = async ({ site, jacintar }: Story, cycle: string): Promise<void> => {
  const page = await jacintar.newPage()
  await page.goto('/audit')
  const list = page.getByRole('list', { name: 'Audit records' })
  const sentences = [
    'User jacintar raised privileges to execute',
    `User jacintar stopped atmosphere_stage.clouds.climb.${cycle} task`,
    `User jacintar started atmosphere_stage.clouds.climb.${cycle} task`,
  ]
  for (const sentence of sentences) await expect(list.getByText(sentence).first()).toBeVisible(slow)
  await page.close()
  const written = auditFiles(site)
  for (const sentence of sentences) assert.ok(written.includes(sentence), sentence)
  for (const dir of [join(site.layout.hub, 'audit'), join(site.layout.site, 'audit')]) {
    const report = await verifyChain(dir)
    assert.ok(report.ok && report.chains.length > 0, JSON.stringify(report))
  }
}

const fallsBackInPlace = async ({ site, page, jacintar, sockets }: Story, cycle: string): Promise<void> => {
  const open = sockets.filter((socket) => socket.open)
  assert.ok(streamsOf(open).length > 0)
  await expect(page.getByRole('button', { name: /Read-only/ })).toBeVisible({
    timeout: (elevationSeconds + 15) * 1000,
  })
  const [status, code] = await stops(jacintar, site.url, cycle)
  assert.deepEqual([status, code.startsWith('elevation.')], [403, true], code)
  const frames = streamsOf(open).map((socket) => socket.frames.length)
  await expect
    .poll(() => streamsOf(open).some((socket, index) => socket.frames.length > (frames[index] ?? 0)), slow)
    .toBe(true)
  assert.ok(
    open.every((socket) => socket.open),
    'no socket closed when she fell back',
  )
  assert.equal(await page.evaluate(() => document.body.dataset.mark), 'not reloaded')
}

const wallLivesWithoutServers = async ({ site, browser, jacintar }: Story): Promise<void> => {
  const admin = await newBrowser(browser, site.url)
  const page = await signIn(admin, 'admin', '/kiosks')
  await page.getByRole('button', { name: 'New kiosk' }).click()
  await raise(page, 'admin')
  await page.getByRole('button', { name: 'New kiosk' }).click()
  await page.getByLabel('Name').fill('Operations room')
  await page.getByRole('button', { name: 'Create' }).click()
  const address = ((await page.getByRole('region', { name: 'Enrol address' }).textContent()) ?? '').trim()

  const kiosk = await newBrowser(browser, site.url)
  const wall = await kiosk.newPage()
  await wall.goto(address)
  const tiles = wall.getByRole('list', { name: 'Workflows' }).getByRole('listitem')
  for (const name of [
    'atmosphere_stage/clouds',
    'atmosphere_stage/winds',
    'oceans_stage/waves',
    'oceans_stage/currents',
  ])
    await expect(tiles.filter({ hasText: name })).toBeVisible(slow)
  await expect(tiles).toHaveCount(4)

  const session = (await jsonOf(admin, '/api/session')).body as { csrf: string }
  const stopped = await admin.request.delete('/api/accounts/atmosphere_stage/server', {
    headers: { 'X-CSRF-Token': session.csrf, Origin: site.url },
  })
  assert.ok(stopped.ok(), await stopped.text())
  const clouds = tiles.filter({ hasText: 'atmosphere_stage/clouds' })
  const shown = await clouds.textContent()
  await expect.poll(() => clouds.textContent(), { timeout: 60_000 }).not.toBe(shown)

  for (const path of ['/api/accounts', '/api/audit', '/u/atmosphere_stage/workflows', '/api/admin/kiosks']) {
    const answer = await jsonOf(kiosk, path)
    assert.deepEqual(
      [answer.status, (answer.body as { error: { code: string } }).error.code],
      [403, 'kiosk.wall-only'],
      path,
    )
  }
  await Promise.all([admin.close(), kiosk.close()])
  const own = await jacintar.newPage()
  await own.goto('/wall')
  await expect(own.getByRole('list', { name: 'Workflows' }).getByRole('listitem')).toHaveCount(4, slow)
  await own.close()
}

/** An error's body but for the id of the HTTP request, which always differs. */
const withoutRequest = (body: unknown): unknown =>
  JSON.parse(JSON.stringify(body, (key, value: unknown) => (key === 'request' ? undefined : value)))

const whatIsSealedIsNowhere = async ({ jacintar, page }: Story): Promise<void> => {
  await page.goto('/')
  await expect(workflowLink(page, 'oceans_stage/waves')).toBeVisible(slow)
  await expect(page.getByText('sealed')).toHaveCount(0)
  await page.goto('/accounts/oceans_stage/workflows/waves')
  await expect(page.getByRole('treegrid', { name: 'Tasks of waves' })).toBeVisible(slow)
  for (const path of [
    '/api/accounts/oceans_stage',
    '/api/accounts',
    '/u/oceans_stage/workflows',
    '/u/oceans_stage/jobs',
    '/api/audit?account=oceans_stage',
  ]) {
    const { status, body } = await jsonOf(jacintar, path)
    assert.equal(status, 200, path)
    assert.equal(JSON.stringify(body).includes('sealed'), false, path)
  }
  for (const path of [
    '/u/oceans_stage/workflows/NAME',
    '/u/oceans_stage/workflows/NAME/source',
    '/u/oceans_stage/jobs/NAME%2F%2F1%2Fdeep%2F01/logs',
    '/api/explain?person=jacintar&action=view&account=oceans_stage&workflow=NAME',
  ]) {
    const [there, absent] = await Promise.all(
      ['sealed', 'nothing'].map((name) => jsonOf(jacintar, path.replace('NAME', name))),
    )
    assert.equal(there?.status, 404, path)
    assert.deepEqual(withoutRequest(there.body), withoutRequest(absent?.body), path)
  }
  await page.goto('/accounts/oceans_stage/workflows/sealed')
  await expect(page.getByText('Not for you')).toHaveCount(0)
  await expect(page.getByRole('treegrid')).toHaveCount(0)
}

/** Steps 2 to 9 of the story, on a site that is started for it and ended after it. */
export const tellTheStory = async (
  t: TestContext,
  kind: Pick<SiteOptions, 'ssh'>,
  runsAs: string,
  more: readonly (readonly [string, (site: RunningSite) => void])[] = [],
): Promise<void> => {
  const site = await startSite({ ...kind, elevation: `PT${elevationSeconds}S`, definitions: hidden })
  const browser = await launchBrowser()
  try {
    const jacintar = await newBrowser(browser, site.url)
    const page = await jacintar.newPage()
    const sockets = watchSockets(page)
    await page.goto('/')
    await page.getByRole('link', { name: 'Sign in' }).click()
    await authenticate(page, 'jacintar')
    const story: Story = { site, browser, jacintar, page, sockets }
    let cycle = ''
    const steps: readonly (readonly [string, () => Promise<void>])[] = [
      [
        'she sees every workflow she may view although no server runs',
        () => seesEverythingShePermittedToSee(story),
      ],
      [
        'she and mel open the account at once and share one spawn',
        () => opensTheAccountTogetherWithMel(story),
      ],
      [
        'she reads a log while it grows, written by the account',
        async () => readsTheLogWhileItGrows(page, await findsARunningClimb(page), runsAs),
      ],
      ['she reads the definition', () => readsTheDefinition(page)],
      [
        'she raises privileges by signing in again, and stops climb',
        async () => {
          cycle = await raisesAndStops(story)
        },
      ],
      ['she starts it again', () => startsItAgain(story, cycle)],
      ['a second browser of hers never had the right', () => secondBrowserNeverHadTheRight(story, cycle)],
      ['the audit page and the log files say who did what', () => auditSays(story, cycle)],
      ['she falls back in place, and the next stop is refused', () => fallsBackInPlace(story, cycle)],
      ['the wall lives on a kiosk while servers are stopped', () => wallLivesWithoutServers(story)],
      ['a sealed workflow is nowhere', () => whatIsSealedIsNowhere(story)],
      ...more.map(([name, step]) => [name, async () => step(site)] as const),
    ]
    for (const [name, step] of steps) {
      let failed = false
      await t.test(name, async () => {
        failed = true
        await step()
        failed = false
      })
      // What follows builds on it.
      if (failed) break
    }
  } finally {
    await browser.close()
    await site.stop()
  }
}
