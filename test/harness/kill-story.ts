/** From a site at work through its kills to the last look at its files. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { auditMustBeWhole, epochsOf, feedsMustBeWhole, jobsMustHaveRunOnce, jobsOf } from './kill-checks.ts'
import { definitions, siteFile, startLoad } from './kill-load.ts'
import { createChance, seedOf } from './kill-random.ts'
import { createKiller, type Rounds } from './kill-rounds.ts'
import { account, type KillSite, startKillSite } from './kill-site.ts'
import { mustSeeTheSame } from './kill-sockets.ts'

const restartAfterMs = 400
/** One thing asked for in so many ms. */
const askEveryMs = 500

const summaryOf = (rounds: Rounds): string => {
  const { kills, killed } = rounds
  const pairs = kills.filter(({ name }) => name.includes('+'))
  const slowest = kills.toSorted((a, b) => b.toLive - a.toLive)[0]
  const longest = kills.toSorted((a, b) => b.outage - a.outage)[0]
  return [
    `kills: ${[...killed].map(([part, count]) => `${part} ${count}`).join(', ')}`,
    `pairs: ${pairs.length}; torn lines: ${rounds.torn()}`,
    `longest time to live: ${slowest?.toLive} ms (${slowest?.name}); longest outage: ${longest?.outage} ms (${longest?.name})`,
  ].join('\n')
}

/** The daemon's own word for where its chain is, to be found in it later. */
const headOf = (site: KillSite): string =>
  (JSON.parse(readFileSync(join(site.layout.site, 'feed/site/heartbeat.json'), 'utf8')) as { audit: string })
    .audit

/** For whoever has to find out what went wrong: the site and its logs are gone by then. */
const logsOf = (site: KillSite): string =>
  ['daemon', 'hub']
    .map((part) => readFileSync(join(site.layout.logs, `${part}.log`), 'utf8').slice(-20_000))
    .join('\n')

export const surviveKills = async (
  t: TestContext,
  settings: { readonly kills: number; readonly pauseMs: number },
): Promise<void> => {
  const seed = seedOf(process.env)
  t.diagnostic(`SENESCHAL_KILL_SEED=${seed}`)
  const chance = createChance(seed)
  const site = await startKillSite({ definitions, siteFile, restartAfterMs })
  let endLoad = (): void => undefined
  try {
    const load = await startLoad(site, chance, askEveryMs)
    endLoad = load.close
    const epochs = epochsOf(site)
    const heads = [headOf(site)]
    const rounds = await createKiller(site, load, chance).run(settings.kills, settings.pauseMs, (line) => {
      heads.push(headOf(site))
      if (settings.kills > 20) process.stdout.write(`${line}\n`)
    })
    t.diagnostic(summaryOf(rounds))

    await load.asking.finish(60_000)
    const { receipts, outcomes } = load.asking
    const faults = [
      ...rounds.faults,
      ...load.asking.faults(),
      ...load.followers.flatMap((each) => each.faults()),
    ]
    if (faults.length > 0) t.diagnostic(logsOf(site))
    assert.deepEqual(faults, [])
    assert.ok(receipts.length > settings.kills, `people were busy: ${receipts.length} receipts`)
    await load.settle()
    for (const follower of load.followers) await mustSeeTheSame(site, load.raised, follower)
    load.close()
    t.diagnostic(
      `${receipts.length} receipts, ${load.asking.failures()} failed tries; sockets: ${load.followers
        .map((each) => JSON.stringify(each.counts()))
        .join(' ')}`,
    )

    await site.stop('daemon')
    await site.stop('hub')
    t.diagnostic(`${feedsMustBeWhole(site, epochs)} lines of feeds`)
    const jobs = [account(0), account(1)].map((name) => jobsMustHaveRunOnce(site, name))
    t.diagnostic(`${jobs.join(' + ')} jobs`)
    const answers = [...jobsOf(site, account(0)).keys()].filter((key) => key.includes('/answer/'))
    const triggered = receipts.filter(
      ({ id, ask }) => ask.action === 'trigger' && outcomes.get(id)?.state === 'done',
    )
    for (const { ask } of triggered)
      assert.ok(
        answers.includes(`asked//${String(ask.body.cycle)}/answer/01`),
        `what ${ask.body.cycle} asked for ran`,
      )
    const audit = await auditMustBeWhole(site, receipts, heads)
    t.diagnostic(`${audit.records} audit records; intents without outcome: ${audit.open.length}`)
    assert.equal(audit.refused, load.litter(), 'each file that is no request is told once')
    assert.ok(audit.open.length <= load.asking.failures(), 'only tries that failed are without outcome')
  } finally {
    endLoad()
    await site.close()
  }
}
