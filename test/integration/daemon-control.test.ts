/** Running seneschald: real processes, one state, the commands that people type. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { leaseFile, readLease } from '../../daemon/lease/lease.ts'
import { verifyChain } from '../../durable/chain-verify.ts'
import { type DaemonProcess, type DaemonSite, daemonSite, elevated, spawnDaemon } from '../harness/daemon.ts'
import { until } from '../harness/until.ts'

const entry = join(import.meta.dirname, '../../cli/main.ts')
const workflow = `schedule: { initial: 1, recurrence: P1, runahead: 1 }
graph: sail
tasks: { sail: { script: sleep 600 } }
`

const begin = async (t: TestContext) => {
  const site = await daemonSite(t, { workflows: { 'oceans_stage/tides': workflow }, autoplay: false })
  const start = (): DaemonProcess => {
    const daemon = spawnDaemon(site)
    site.atEnd(async () => {
      daemon.child.kill('SIGKILL')
      await daemon.ended
    })
    return daemon
  }
  const run = (...words: readonly string[]) =>
    new Promise<{ readonly code: number; readonly out: string; readonly err: string }>((resolve) => {
      execFile(
        process.execPath,
        [entry, 'daemon', ...words, '--config', site.configFile],
        (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err }),
      )
    })
  const status = async (): Promise<Record<string, unknown>> => JSON.parse((await run('status', '--json')).out)
  const isUp = (daemon: DaemonProcess) =>
    until(async () => {
      assert.equal(daemon.child.exitCode, null, daemon.output())
      return daemon.output().includes('"running"') && (await status()).presence === 'here'
    })
  return { ...site, start, run, status, isUp }
}

const jobs = async (site: DaemonSite): Promise<readonly string[]> =>
  readdir(join(site.jobRoot('oceans_stage'), 'tides/log/job/1/sail')).catch(() => [])
const play = (site: DaemonSite) =>
  site.ask({ action: 'play', account: 'oceans_stage', workflow: 'tides' }, elevated('execute'))

test('a second seneschald on one root is refused and the first goes on; stop ends it, twice without harm', async (t) => {
  const site = await begin(t)
  assert.match((await site.run('status')).err, /daemon setup/)
  const first = site.start()
  await site.isUp(first)
  const second = site.start()
  assert.notEqual(await second.ended, 0)
  assert.match(second.output(), /lease\.held/)
  assert.equal((await play(site)).state, 'done')
  assert.match((await site.run('takeover')).err, /lease\.held/)
  const stopped = await site.run('stop')
  assert.deepEqual([stopped.code, await first.ended], [0, 0], stopped.err)
  assert.deepEqual([(await site.run('stop')).code, (await site.run('status')).code], [0, 3])
  assert.equal((await site.status()).presence, 'nobody')
})

test('a stopped process that was taken over writes nothing more when it goes on, and ends', async (t) => {
  const site = await begin(t)
  const first = site.start()
  await site.isUp(first)
  first.child.kill('SIGSTOP')
  const taken = await site.run('takeover', '--now')
  assert.equal(taken.code, 0, taken.err)
  const second = site.start()
  await site.isUp(second)
  const held = await readLease(site.layout.state)
  first.child.kill('SIGCONT')
  assert.equal(await first.ended, 1, first.output())
  assert.match(first.output(), /lease\.lost/)
  assert.deepEqual((await readLease(site.layout.state))?.epoch, held?.epoch)
  assert.equal((await play(site)).state, 'done')
  assert.equal((await site.run('stop')).code, 0)
  assert.equal(await second.ended, 0)
  const { ok } = await verifyChain(site.layout.audit, { anchors: [] })
  assert.ok(ok, 'no record of the fenced one stands between those of the other')
  const third = site.start()
  await site.isUp(third)
})

test('a process number that somebody else has since is stopped by nobody', async (t) => {
  const site = await begin(t)
  const first = site.start()
  await site.isUp(first)
  first.child.kill('SIGKILL')
  await first.ended
  const stranger = spawn('sleep', ['600'])
  t.after(() => stranger.kill())
  const lease = JSON.parse(readFileSync(leaseFile(site.layout.state), 'utf8'))
  writeFileSync(leaseFile(site.layout.state), JSON.stringify({ ...lease, pid: stranger.pid }))
  assert.match((await site.run('stop')).out, /does not run/)
  assert.equal(stranger.exitCode ?? stranger.signalCode, null)
  await site.isUp(site.start())
})

test('nothing starts while it is drained or in a window; requests are answered, and both ends let go', async (t) => {
  const site = await begin(t)
  const daemon = site.start()
  await site.isUp(daemon)
  assert.equal((await site.run('drain')).code, 0)
  assert.equal((await site.run('drain')).code, 0)
  const stateOf = async () => ((await site.status()).report as { readonly state: string }).state
  await until(async () => (await stateOf()) === 'draining')
  assert.equal((await play(site)).state, 'done')
  const preparing = async () => {
    const { report } = (await site.status()) as {
      readonly report: { readonly accounts: readonly { readonly jobs: { readonly preparing: number } }[] }
    }
    return report.accounts[0]?.jobs.preparing
  }
  await until(async () => (await preparing()) === 1)
  assert.deepEqual(await jobs(site), [])

  const added = await site.run(
    'maintenance',
    'add',
    'account',
    'oceans_stage',
    '--for',
    'PT1H',
    '--reason',
    'new disks',
  )
  assert.equal(added.code, 0, added.err)
  const id = added.out.trim()
  assert.match(
    (await site.run('maintenance', 'list')).out,
    new RegExp(`^${id}  now  account oceans_stage .* new disks`),
  )
  await until(async () => (await site.audit()).includes('maintenance.began'))
  assert.equal((await site.run('resume')).code, 0)
  await until(async () => (await stateOf()) === 'running')
  assert.deepEqual(await jobs(site), [], 'the window still stands')
  const feed = await readFile(join(site.layout.siteFeed, 'heartbeat.json'), 'utf8')
  assert.equal(JSON.parse(feed).state, 'running')
  assert.equal((await site.run('maintenance', 'end', id)).code, 0)
  await until(async () => (await jobs(site)).includes('01'), 20_000)
  assert.match((await site.run('maintenance', 'end', id)).err, /no window/)
  const audit = await site.audit()
  for (const event of ['daemon.drained', 'daemon.resumed', 'maintenance.announced', 'maintenance.ended'])
    assert.equal(audit.split(`"event":"${event}"`).length, 2, event)
})
