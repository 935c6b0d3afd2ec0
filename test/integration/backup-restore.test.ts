/** A site is backed up while it works, and restored into an empty place while jobs of the old one still run. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { siteLayout } from '../../daemon/layout.ts'
import { readLease } from '../../daemon/lease/lease.ts'
import { type DaemonSite, daemonSite, elevated, spawnDaemon } from '../harness/daemon.ts'
import { until } from '../harness/until.ts'

const account = 'atmosphere_stage'
const main = join(dirname(dirname(import.meta.dirname)), 'cli/main.ts')

type Ran = { readonly code: number; readonly out: string; readonly err: string }
const seneschal = (...args: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, err }),
    )
  })

/** Each cycle waits for the one before, and each job until somebody lets it go. */
const definition = `
schedule: { initial: 1, final: 6, recurrence: P1 }
graph: climb[-P1] => climb
tasks:
  climb:
    script: |
      echo "$SENESCHAL_CYCLE" >>"$SENESCHAL_SHARE_DIR/ran"
      while [ ! -e "$SENESCHAL_SHARE_DIR/go-$SENESCHAL_CYCLE" ]; do sleep 0.1; done
`
const shareOf = (site: DaemonSite): string => join(site.jobRoot(account), 'clouds/share')
const ranIn = async (site: DaemonSite): Promise<readonly string[]> =>
  (await readFile(join(shareOf(site), 'ran'), 'utf8').catch(() => '')).split('\n').slice(0, -1)
const letGo = (site: DaemonSite, cycle: number): void => writeFileSync(join(shareOf(site), `go-${cycle}`), '')

const begin = async (t: TestContext) => {
  const site = await daemonSite(t, { workflows: { [`${account}/clouds`]: definition } })
  const old = spawnDaemon(site)
  site.atEnd(() => old.child.kill('SIGKILL'))
  await until(async () => (await ranIn(site)).length === 1, 30_000)
  const backup = join(site.dir, 'backup')
  const back = await seneschal('backup', backup, '--daemon', site.configFile)
  assert.equal(back.code, 0, back.err)
  assert.equal(back.out, `${join(backup, 'daemon')}\n`)
  return { site, old, backup }
}

/** The same accounts and hosts, and a place of its own. */
const elsewhere = (site: DaemonSite) => {
  const root = join(site.dir, 'elsewhere')
  const configFile = join(site.dir, 'elsewhere.yaml')
  const config = JSON.parse(readFileSync(site.configFile, 'utf8')) as object
  writeFileSync(configFile, JSON.stringify({ ...config, root }))
  return { configFile, layout: siteLayout(root) }
}

test('jobs of the old site are found and run once; the old daemon is obeyed no more; workflows wait for a word', async (t) => {
  const { site, old, backup } = await begin(t)
  // After the backup the old one goes on: two more jobs, of which the restored one knows nothing.
  letGo(site, 1)
  await until(async () => (await ranIn(site)).length === 2, 30_000)
  letGo(site, 2)
  await until(async () => (await ranIn(site)).length === 3, 30_000)

  const { configFile, layout } = elsewhere(site)
  assert.equal((await seneschal('daemon', 'setup', '-c', configFile)).code, 0)
  const restored = await seneschal('restore', backup, '--daemon', configFile)
  assert.equal(restored.code, 0, restored.err)
  const before = await readLease(site.layout.state)
  const lease = await readLease(layout.state)
  assert.ok((lease?.epoch ?? 0) > (before?.epoch ?? Number.POSITIVE_INFINITY))

  const there = { ...site, configFile, layout }
  const fresh = spawnDaemon(there)
  site.atEnd(() => fresh.child.kill('SIGKILL'))
  const heartbeat = () => {
    const file = join(layout.siteFeed, 'heartbeat.json')
    return existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as { readonly state: string }).state
      : ''
  }
  await until(() => heartbeat() === 'running' || heartbeat() === 'degraded', 30_000)
  const log = join(
    layout.audit,
    readdirSync(layout.audit).find((name) => name.startsWith('audit-daemon')) ?? '',
  )
  const audited = () => readFileSync(log, 'utf8')
  assert.match(audited(), /"event":"daemon\.restored"/)

  // The host obeys the new one alone, so the old one starts no job any more.
  await until(() => /"code":"lease\.lost"/.test(old.output()), 30_000)
  letGo(site, 3)
  const ended = join(site.jobRoot(account), 'clouds/log/job/3/climb/01/.ended')
  await until(() => existsSync(ended), 30_000)
  await sleep(1500)
  assert.deepEqual(await ranIn(site), ['1', '2', '3'], 'neither of them starts anything: it is paused')
  assert.match(audited(), /"event":"daemon\.started"/)

  // A grant of before the restore, kept by somebody, is void.
  const kept = await site.grant(
    { action: 'resume', workflow: 'clouds' },
    {
      ...elevated('execute'),
      iat: Math.floor(Date.now() / 1000) - 3600,
      exp: Math.floor(Date.now() / 1000) + 60,
    },
  )
  const put = async (body: { readonly id: string; readonly grant: string }) => {
    const { putRequest } = await import('../../durable/inbox.ts')
    await putRequest({ temp: layout.temp, inbox: layout.inbox, id: body.id, body: { version: 1, ...body } })
    let state: { readonly state: string; readonly code: string | null } | undefined
    await until(() => {
      for (const directory of [layout.finished, layout.error]) {
        const file = join(directory, body.id, 'status.json')
        if (existsSync(file)) state = JSON.parse(readFileSync(file, 'utf8'))
      }
      return state !== undefined
    }, 10_000)
    return state
  }
  assert.equal((await put(kept))?.code, 'grant.expired')
  const word = await site.grant({ action: 'resume', workflow: 'clouds' }, elevated('execute'))
  assert.equal((await put(word))?.state, 'done')

  // It goes through the cycles that the old one had run, runs none of them again, and goes on.
  await until(async () => (await ranIn(site)).length === 4, 30_000)
  for (const cycle of [4, 5, 6]) letGo(site, cycle)
  await until(async () => (await ranIn(site)).length === 6, 30_000)
  assert.deepEqual(await ranIn(site), ['1', '2', '3', '4', '5', '6'])
  fresh.child.kill('SIGTERM')
  assert.equal(await fresh.ended, 0)
  const verified = await seneschal('audit', 'verify', layout.audit)
  assert.equal(verified.code, 0, verified.out + verified.err)
})

test('a backup is whole while the daemon works hard, private, and without keys unless it is told', async (t) => {
  const { site, backup } = await begin(t)
  for (let round = 0; round < 3; round += 1) {
    const asked = Array.from({ length: 300 }, async () => {
      const made = await site.grant({ action: 'pause', workflow: 'clouds' }, elevated('execute'))
      await site.put({ version: 1, ...made })
    })
    const to = join(site.dir, `backup-${round}`)
    const [made] = await Promise.all([seneschal('backup', to, '--daemon', site.configFile), ...asked])
    assert.equal(made?.code, 0, made?.err)
    const { configFile } = elsewhere(site)
    const into = join(site.dir, `into-${round}`)
    writeFileSync(configFile, JSON.stringify({ ...JSON.parse(readFileSync(configFile, 'utf8')), root: into }))
    await mkdir(into)
    assert.equal((await seneschal('daemon', 'setup', '-c', configFile)).code, 0)
    const restored = await seneschal('restore', to, '--daemon', configFile)
    assert.equal(restored.code, 0, restored.err)
    const fresh = spawnDaemon({ ...site, configFile })
    await until(() => /"msg":"running"/.test(fresh.output()), 30_000)
    fresh.child.kill('SIGTERM')
    assert.equal(await fresh.ended, 0, fresh.output())
  }
  assert.equal(statSync(join(backup, 'daemon')).mode & 0o777, 0o700)
  assert.equal(existsSync(join(backup, 'daemon/config/5-key')), false)
  const again = await seneschal('backup', backup, '--daemon', site.configFile)
  assert.match(again.err, /is not empty.*\[backup\.invalid\]/)
})

test('nothing is restored over a daemon that works, over what is there, from half a backup, or from another site', async (t) => {
  const { site, backup } = await begin(t)
  const running = await seneschal('restore', backup, '--daemon', site.configFile)
  assert.match(running.err, /\[lease\.held\]/)
  const { configFile, layout } = elsewhere(site)
  await seneschal('daemon', 'setup', '-c', configFile)
  assert.equal((await seneschal('restore', backup, '--daemon', configFile)).code, 0)
  const twice = await seneschal('restore', backup, '--daemon', configFile)
  assert.match(twice.err, /is not empty.*--replace.*\[backup\.invalid\]/)
  const first = (await readLease(layout.state))?.epoch ?? 0
  const replaced = await seneschal('restore', backup, '--daemon', configFile, '--replace')
  assert.equal(replaced.code, 0, replaced.err)
  assert.match(replaced.out, /^moved aside: .*state\.before-/m)
  assert.ok(((await readLease(layout.state))?.epoch ?? 0) > first)

  const config = JSON.parse(readFileSync(configFile, 'utf8')) as object
  writeFileSync(configFile, JSON.stringify({ ...config, site: 'another' }))
  const other = await seneschal('restore', backup, '--daemon', configFile, '--replace')
  assert.match(other.err, /of the site test, not of another.*\[backup\.invalid\]/)
  assert.match(
    (await seneschal('restore', site.dir, '--daemon', configFile)).err,
    /no manifest.*\[backup\.invalid\]/,
  )
})
