/** From an action to the changed row in a real browser, on a whole site: gate, audit, grant, inbox, engine, feed, socket. */
import type { Page } from 'playwright-core'
import { authenticate, hasBrowser, launchBrowser, newBrowser, signIn } from '../../test/harness/browser.ts'
import { startSite } from '../../test/harness/site.ts'
import { type Bench, judged, type Row } from '../report/row.ts'
import { percentile } from '../report/statistics.ts'

/** One task that waits for years: nothing else changes its row. */
const quiet = `schedule: { initial: 20400101T0000Z, recurrence: P1D, clock: true, runahead: 1 }
graph: climb
tasks: { climb: { script: "true" } }
`
const page = '/accounts/atmosphere_stage/workflows/quiet'

/** The page's own clock: from the POST until the DOM has the row as it should be. */
const clickOnce = (tab: Page, action: 'hold' | 'release'): Promise<number> =>
  tab.evaluate(async (name) => {
    const row = document.querySelector<HTMLElement>('[role=row][data-id$="/climb"]')
    if (row === null) throw new Error('there is no row')
    const session = (await (await fetch('/api/session')).json()) as { csrf: string }
    const [cycle] = (row.dataset.id ?? '').slice('task:'.length).split('/')
    const body = JSON.stringify({ workflow: 'quiet', cycle, task: 'climb' })
    const headers = { 'content-type': 'application/json', 'x-csrf-token': session.csrf }
    const isDone = () => (row.querySelector('.glyph-bars') !== null) === (name === 'hold')
    if (isDone()) throw new Error(`${name} would change nothing`)
    const changed = new Promise<number>((resolve) => {
      const observer = new MutationObserver(() => {
        if (!isDone()) return
        observer.disconnect()
        resolve(performance.now())
      })
      observer.observe(row, { subtree: true, childList: true })
    })
    const began = performance.now()
    const url = `/api/accounts/atmosphere_stage/actions/${name}`
    const answer = await fetch(url, { method: 'POST', headers, body })
    if (answer.status !== 202) throw new Error(`${answer.status} ${await answer.text()}`)
    return (await changed) - began
  }, action)

const openTab = async (bench: Bench): Promise<Page> => {
  const site = await startSite({
    ssh: false,
    elevation: 'PT1H',
    definitions: { 'atmosphere_stage/quiet/workflow.yaml': quiet },
  })
  bench.defer(site.stop)
  const browser = await launchBrowser()
  bench.defer(() => browser.close())
  const tab = await signIn(await newBrowser(browser, site.url), 'jacintar')
  const location = await tab.evaluate(async () => {
    const { csrf } = (await (await fetch('/api/session')).json()) as { csrf: string }
    const headers = { 'content-type': 'application/json', 'x-csrf-token': csrf }
    const answer = await fetch('/auth/elevate', { method: 'POST', headers, body: '{"class":"execute"}' })
    return ((await answer.json()) as { location: string }).location
  })
  await tab.goto(location)
  await authenticate(tab, 'jacintar')
  await tab.waitForURL((url) => url.origin === site.url)
  await tab.goto(page)
  await tab.getByRole('button', { name: 'open all' }).click()
  await tab.getByRole('row', { name: /^climb / }).waitFor()
  return tab
}

export const click: Row = {
  name: 'click',
  title: 'action → changed row in Chromium, warm, local disk, a whole site around it',
  run: async (bench) => {
    if (!hasBrowser) return { figures: [], notes: ['no Chromium: left out'] }
    const tab = await openTab(bench)
    const perRound = bench.quick ? 10 : 60
    const rounds: number[][] = []
    for (let round = 0; round <= bench.rounds; round += 1) {
      bench.say(`round ${round} of ${bench.rounds}`)
      const taken: number[] = []
      for (let sample = 0; sample < perRound; sample += 2)
        for (const action of ['hold', 'release'] as const) taken.push(await clickOnce(tab, action))
      // The first one warms up.
      if (round > 0) rounds.push(taken)
    }
    const of = (share: number) => rounds.map((taken) => percentile(taken, share))
    const what = `action → row, ${perRound} by turns`
    return {
      figures: [
        judged(
          { what: `p50, ${what}`, who: 'hub', unit: 'ms', rounds: of(0.5) },
          '≤ 50 ms',
          (value) => value <= 50,
        ),
        judged(
          { what: `p99, ${what}`, who: 'hub', unit: 'ms', rounds: of(0.99) },
          '≤ 250 ms',
          (value) => value <= 250,
        ),
      ],
      notes: [
        `${perRound * bench.rounds} samples, measured inside the page from the POST to the DOM; p99 of ${perRound} is close to the worst of a round`,
        'the demonstration’s four workflows run meanwhile; hub and daemon of this row run from source',
      ],
    }
  },
}
