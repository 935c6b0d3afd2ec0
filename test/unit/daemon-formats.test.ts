/** Data of the version before is read; data of a version to come is refused and left as it is. */
import assert from 'node:assert/strict'
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { verifyChain } from '../../durable/chain-verify.ts'
import { readHistory } from '../../durable/feed-follower.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import type { FeedLine } from '../../protocol/feed.ts'
import type { PermissionSnapshot } from '../../protocol/permissions.ts'
import { type DaemonSite, elevated } from '../harness/daemon.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const fixtures = join(import.meta.dirname, '..', 'fixtures')
/** As they were when the fixtures were recorded: clouds was held, winds was playing. */
const climb =
  'schedule: { initial: 1, final: 2, recurrence: P1 }\ngraph: climb\ntasks: { climb: { script: "true" } }\n'
const workflows = { 'atmosphere_stage/clouds': climb, 'atmosphere_stage/winds': climb }

const history = async (dir: string): Promise<readonly FeedLine[]> =>
  (await Array.fromAsync(readHistory(dir, 1))).flat()

for (const ended of ['killed', 'stopped'])
  test(`a daemon goes on from what one of format 1 left that was ${ended}`, async (t) => {
    const before = join(fixtures, 'format-1', ended)
    const site = await startDaemon(t, {
      workflows,
      autoplay: false,
      before: ({ config }) => cp(before, config.root, { recursive: true }),
    })
    assert.equal(site.daemon.status().state, 'running')
    assert.equal(
      (await site.ask({ action: 'hold', workflow: 'clouds' })).code,
      'state.conflict',
      'it is held',
    )
    for (const feed of ['atmosphere_stage', 'site']) {
      const [old, now] = [join(before, 'feed', feed), join(site.config.root, 'feed', feed)]
      const epoch = (dir: string) => readFile(join(dir, 'epoch.json'), 'utf8')
      assert.equal(await epoch(now), await epoch(old), 'no follower begins anew')
      const lines = await history(old)
      assert.deepEqual((await history(now)).slice(0, lines.length), lines)
    }
    await until(
      async () =>
        JSON.stringify(await history(site.layout.accountFeed('atmosphere_stage'))).includes('"succeeded"'),
      20_000,
    )
    await site.daemon.stop()
    const report = await verifyChain(site.layout.audit)
    assert.ok(report.ok, JSON.stringify(report))
    const [chain] = (await verifyChain(join(before, 'audit'))).chains
    assert.ok((report.chains[0]?.records ?? 0) > (chain?.records ?? 0))
  })

/** Format 2 knew no versions of permissions: what was in force is the first. Another one waited for an owner. */
for (const ended of ['killed', 'stopped'])
  test(`permissions that one of format 2 had in force go on, ${ended}: as their first version`, async (t) => {
    const site = await startDaemon(t, {
      workflows: {
        'atmosphere_stage/clouds': `${climb}permissions: { kill: [owner] }\n`,
        'atmosphere_stage/winds': `${climb}permissions: { kill: [everyone] }\n`,
      },
      siteFile: `permissions: { read: [everyone], execute: [everyone], write: ["user:mel"] }
accounts: { atmosphere_stage: { owners: ["user:jacintar"], cli: allow } }
`,
      autoplay: false,
      before: async ({ config, dir }) => {
        await cp(join(fixtures, 'format-2', ended), config.root, { recursive: true })
        const file = join(dir, 'definitions/atmosphere_stage/account.yaml')
        await writeFile(file, 'title: Atmosphere\npermissions: { execute: [owner] }\n')
      },
    })
    const inForce = async () => {
      const text = await readFile(join(site.layout.siteFeed, 'permissions.json'), 'utf8')
      const { layer, workflows } = (JSON.parse(text) as PermissionSnapshot).accounts.atmosphere_stage ?? {}
      return { account: layer?.rules, clouds: workflows?.clouds?.rules, winds: workflows?.winds?.rules }
    }
    const before = { account: { execute: ['owner'] }, clouds: { kill: ['owner'] }, winds: undefined }
    assert.deepEqual(await inForce(), before)
    const change = (workflow: string | undefined, base: number) =>
      site.ask(
        { action: 'permissions', workflow, args: { base, text: 'kill: []' } },
        { sub: 'jacintar', ...elevated('write') },
      )
    assert.equal((await change(undefined, 1)).state, 'done')
    assert.equal((await change('clouds', 1)).state, 'done')
    assert.equal((await change('winds', 0)).state, 'done')
    const after = { account: { kill: [] }, clouds: { kill: [] }, winds: { kill: [] } }
    await until(async () => isDeepStrictEqual(await inForce(), after))
    await site.restart()
    assert.deepEqual(await inForce(), after)
  })

const newer: Readonly<Record<string, string>> = {
  'state/snapshot.json': '"data":{"v":',
  'feed/site/epoch.json': '{"v":',
  'feed/atmosphere_stage/snapshot.json': '{"v":',
}
for (const [file, place] of Object.entries(newer))
  test(`a daemon refuses ${file} of a version to come, and leaves all as it is`, async (t) => {
    let text = ''
    let found: DaemonSite | undefined
    const started = startDaemon(t, {
      workflows,
      autoplay: false,
      before: async (site) => {
        found = site
        await cp(join(fixtures, 'format-1/stopped'), site.config.root, { recursive: true })
        const path = join(site.config.root, file)
        text = (await readFile(path, 'utf8')).replace(`${place}1`, `${place}99`)
        await writeFile(path, text)
      },
    })
    await assert.rejects(started, (error) => error instanceof SeneschalError && error.code === 'format.newer')
    assert.ok(found !== undefined && text.includes(`${place}99`))
    assert.equal(await readFile(join(found.config.root, file), 'utf8'), text)
    const segments = await readdir(join(found.config.root, 'feed/atmosphere_stage'))
    assert.ok(segments.includes('events-000000000001.ndjson'))
  })
