/** A hub that mounts nothing of the daemon's host: its feed through a real sshd, as an account that can do nothing else. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { createFeedTransports, feedOf } from '../../hub/daemons/feeds.ts'
import { createLog } from '../../hub/log.ts'
import { createSite } from '../../hub/site.ts'
import { type FarSide, installFarSide } from '../harness/far-side.ts'
import { everyProcess } from '../harness/kill-processes.ts'
import { accountRow, siteFeed, snapshotOf, summaryRow } from '../harness/site-feed.ts'
import { canRunSshd, newKeyPair, type Sshd, startSshd } from '../harness/sshd.ts'
import { uniqueAccount } from '../harness/unix-accounts.ts'
import { until } from '../harness/until.ts'

const skip = (await canRunSshd()) ? false : 'needs root and sshd'
const key = newKeyPair()
const reader = uniqueAccount()
const soon = 20_000

describe('a feed over SSH', { skip }, () => {
  let far: FarSide
  let sshd: Sshd
  /** Of the reader, as `hubGroup` of a daemon's configuration: the feed is closed to everybody else. */
  let group: number
  before(async () => {
    far = await installFarSide('product')
    sshd = await startSshd({
      dir: far.dir,
      accounts: [{ name: reader, keys: [{ publicKey: key.publicKey, command: far.command('feed') }] }],
    })
    await writeFile(join(far.dir, 'feed-key'), key.privateKey, { mode: 0o600 })
    group = Number((await promisify(execFile)('id', ['-g', reader])).stdout)
  })
  after(async () => {
    await sshd?.stop()
    await far?.remove()
  })

  const hubOf = (t: TestContext, hostKey = sshd.hostKey) => {
    const lines: string[] = []
    const log = createLog({ logLevel: 'info', name: 'test' }, { write: (line) => void lines.push(line) })
    const site = createSite({
      daemons: [
        {
          name: 'main',
          follow: feedOf(
            {
              name: 'main',
              directory: '/not/mounted/here',
              feed: {
                ssh: {
                  host: '127.0.0.1',
                  port: sshd.port,
                  username: reader,
                  keyFile: join(far.dir, 'feed-key'),
                  hostKeys: [hostKey],
                },
              },
            },
            {
              transport: createFeedTransports({ now: Date.now, random: Math.random }),
              random: Math.random,
              kept: join(far.dir, randomUUID()),
              knowsRecords: () => true,
              warn: (context, message) => log.warn(context, message),
            },
          ),
        },
      ],
      now: Date.now,
      log,
      ingestAudit: () => undefined,
    })
    t.after(() => site.close())
    return { site, lines }
  }

  test('is as live as a mounted one, and goes on after sshd let go of it', async (t) => {
    const feed = await siteFeed(t, join(far.dir, 'site'), group)
    const { site, lines } = hubOf(t)
    await feed.permissions(
      snapshotOf({ accounts: { atmosphere_stage: { owners: [], cli: 'refuse', workflows: {} } } }),
    )
    await feed.put('account', 'atmosphere_stage', accountRow('atmosphere_stage'))
    await feed.put('summary', 'atmosphere_stage/clouds', summaryRow('atmosphere_stage', 'clouds', { at: 1 }))
    await feed.heartbeat(Date.now())
    await until(() => site.view.summary('atmosphere_stage', 'clouds')?.at === 1, soon)
    await until(() => site.policy.fresh('atmosphere_stage') && site.view.daemons()[0]?.silent === false, soon)

    for (const at of [2, 3]) {
      await sshd.dropConnections()
      await feed.put('summary', 'atmosphere_stage/clouds', summaryRow('atmosphere_stage', 'clouds', { at }))
      await until(() => site.view.summary('atmosphere_stage', 'clouds')?.at === at, soon)
      await until(() => site.view.daemons()[0]?.codes?.length === 0, soon)
    }
    assert.ok(lines.some((line) => line.includes('lost.connection')))

    await site.close()
    const agents = () =>
      everyProcess().filter(({ words }) => words.includes(`${far.entry} agent --role feed`))
    await until(() => agents().length === 0, soon)
  })

  test('of a host with another key than the pinned one is not believed, and said to be unavailable', async (t) => {
    const feed = await siteFeed(t, join(far.dir, 'site'), group)
    await feed.put('account', 'oceans_stage', accountRow('oceans_stage'))
    const { site, lines } = hubOf(t, newKeyPair().publicKey)
    await site.ready
    assert.deepEqual(site.view.daemons()[0]?.codes, ['feed.unavailable'])
    assert.equal(site.view.daemons()[0]?.silent, true)
    assert.equal(site.view.account('oceans_stage'), undefined)
    assert.ok(lines.some((line) => line.includes('host.key-unknown')))
  })
})
