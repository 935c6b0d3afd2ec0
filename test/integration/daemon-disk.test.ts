/** The daemon's own disk: full, broken, taken away. It says so, goes on by itself, and loses nothing it accepted. */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { verifyChain } from '../../durable/chain-verify.ts'
import { type DaemonProcess, type DaemonSite, daemonSite, spawnDaemon } from '../harness/daemon.ts'
import { cannotMount, mountDisk, mountSmall } from '../harness/filesystem.ts'
import { until } from '../harness/until.ts'

const account = 'atmosphere_stage'
const workflows = {
  [`${account}/clouds`]:
    'schedule: { initial: 1, final: 1, recurrence: P1 }\ngraph: t\ntasks: { t: { script: "true" } }\n',
}

type Heartbeat = {
  readonly state: string
  readonly problem: string | null
  readonly codes: readonly string[]
}

const heartbeat = async ({ layout }: DaemonSite): Promise<Heartbeat> =>
  JSON.parse(await readFile(join(layout.siteFeed, 'heartbeat.json'), 'utf8'))

const start = async (site: DaemonSite): Promise<DaemonProcess> => {
  const running = spawnDaemon(site)
  site.atEnd(async () => {
    running.child.kill('SIGKILL')
    await running.ended
  })
  const up = until(() => running.output().includes('"running"'), 30_000)
  await Promise.race([
    up,
    running.ended.then((code) => Promise.reject(new Error(`ended with ${code}`))),
  ]).catch((thrown: Error) => assert.fail(`${thrown.message}: ${running.output()}`))
  return running
}

/** Granted, and in the inbox; nobody waits for the answer. */
const put = async (site: DaemonSite, count: number): Promise<readonly string[]> => {
  const ids: string[] = []
  for (let index = 0; index < count; index += 1) {
    const made = await site.grant({ action: index % 2 === 0 ? 'release' : 'resume', workflow: 'clouds' })
    await site.put({ version: 1, ...made })
    ids.push(made.id)
  }
  return ids
}

/** What is not held cannot be released. */
const answers = ['done', 'refused']

/** Answered each, once, in an audit log that verifies. */
const allAnswered = async (site: DaemonSite, ids: readonly string[]): Promise<void> => {
  for (const id of ids) assert.ok(answers.includes((await site.answer(id)).state), id)
  await until(async () => (await readdir(site.layout.inbox)).length === 0)
  const records = (await site.audit()).split('\n')
  for (const id of ids) assert.equal(records.filter((line) => line.includes(id)).length, 1, id)
  const verified = await verifyChain(site.layout.audit)
  assert.ok(verified.ok, JSON.stringify(verified))
}

const becomesDegraded = (site: DaemonSite, code: string) =>
  until(async () => {
    const { state, codes } = await heartbeat(site)
    return state === 'degraded' && codes.includes(code)
  }, 20_000)

const isWell = (site: DaemonSite) =>
  until(async () => {
    const { state, problem } = await heartbeat(site)
    return state === 'running' && problem === null
  }, 30_000)

const count = (text: string, what: string): number => text.split(what).length - 1

const endsWell = async (running: DaemonProcess): Promise<void> => {
  const asked = performance.now()
  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 0, running.output())
  assert.ok(performance.now() - asked < 4000, 'and soon')
  // A stack of Node's own would stand there as it is.
  const lines = running.output().trim().split('\n')
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('{')),
    [],
  )
}

const siteOf = (t: TestContext) => daemonSite(t, { workflows, autoplay: false })

for (const where of ['state', 'audit'] as const)
  test(`the disk of ${where}/ is full: nothing is acknowledged, and all is answered once there is room`, {
    skip: cannotMount,
  }, async (t) => {
    const site = await siteOf(t)
    const disk = mountSmall(site.layout[where], 2 * 1024 * 1024)
    site.atEnd(disk.end)
    const running = await start(site)
    await allAnswered(site, await put(site, 2))
    disk.fill()
    const ids = await put(site, 40)
    const code = where === 'state' ? 'journal.unwritable' : 'audit.unwritable'
    await becomesDegraded(site, code)
    const [unanswered] = ids.slice(-1)
    assert.ok((await readdir(site.layout.inbox)).includes(`${unanswered}.json`), 'it waits where it was')
    disk.makeRoom()
    await allAnswered(site, ids)
    await isWell(site)
    assert.equal(
      count(running.output(), `"where":"${where === 'state' ? 'journal' : 'audit'}"`),
      2,
      'told once, and its end',
    )
    await endsWell(running)
  })

test('SIGTERM while the disk is full ends it in time and in order; the next start answers what waited', {
  skip: cannotMount,
}, async (t) => {
  const site = await siteOf(t)
  const disk = mountSmall(site.layout.state, 2 * 1024 * 1024)
  site.atEnd(disk.end)
  const running = await start(site)
  disk.fill()
  const ids = await put(site, 40)
  await becomesDegraded(site, 'journal.unwritable')
  await endsWell(running)
  disk.makeRoom()
  await start(site)
  await allAnswered(site, ids)
})

test('the disk breaks and becomes read-only: it ends in order, and once it is mended the next start has everything', {
  skip: cannotMount,
}, async (t) => {
  const site = await siteOf(t)
  const disk = mountDisk(site.layout.state, join(site.dir, 'disk.img'))
  site.atEnd(disk.end)
  const running = await start(site)
  const before = await put(site, 4)
  await allAnswered(site, before)
  disk.break()
  const ids = await put(site, 10)
  await becomesDegraded(site, 'journal.unwritable')
  await endsWell(running)
  disk.mend()
  const again = await start(site)
  await allAnswered(site, [...before, ...ids])
  await isWell(site)
  await endsWell(again)
})

test('the state is taken away and put back: meanwhile nothing is acknowledged into files that nobody finds', async (t) => {
  const site = await siteOf(t)
  const running = await start(site)
  await allAnswered(site, await put(site, 2))
  const elsewhere = join(site.dir, 'elsewhere')
  await rename(site.layout.state, elsewhere)
  const ids = await put(site, 6)
  await becomesDegraded(site, 'journal.unwritable')
  // Long enough for several looks at the lease, and for a renewal.
  await sleep(6000)
  await becomesDegraded(site, 'journal.unwritable')
  assert.equal(running.child.exitCode, null, running.output())
  await rename(elsewhere, site.layout.state)
  await allAnswered(site, ids)
  await isWell(site)
  running.child.kill('SIGKILL')
  await running.ended
  await start(site)
  await allAnswered(site, await put(site, 2))
})

test('directories that only show things are removed: requests are answered, and they are shown again', async (t) => {
  const site = await siteOf(t)
  const { layout } = site
  const running = await start(site)
  await allAnswered(site, await put(site, 2))
  for (const dir of [layout.processing, layout.finished, layout.error])
    await rm(dir, { recursive: true, force: true })
  await put(site, 2)
  await until(async () => (await readdir(layout.inbox)).length === 0)
  await until(() => running.output().includes('published requests'))
  for (const dir of [layout.processing, layout.finished, layout.error]) await mkdir(dir, { mode: 0o775 })
  await allAnswered(site, await put(site, 2))
  await isWell(site)
  await rm(layout.inbox, { recursive: true })
  await until(async () => ((await heartbeat(site)).problem ?? '').includes('inbox'), 20_000)
  await mkdir(layout.inbox)
  await allAnswered(site, await put(site, 2))
  await isWell(site)
  await endsWell(running)
})

for (const where of ['state', 'audit'] as const)
  test(`while the disk of ${where}/ is full, what makes less happen is still done, and the rest waits`, {
    skip: cannotMount,
  }, async (t) => {
    const site = await siteOf(t)
    const disk = mountSmall(site.layout[where], 12 * 1024 * 1024)
    site.atEnd(disk.end)
    const running = await start(site)
    await allAnswered(site, await put(site, 2))
    disk.fill()
    const ask = async (action: string, workflow = 'clouds') => {
      const made = await site.grant({ action, workflow })
      await site.put({ version: 1, ...made })
      return made.id
    }
    const play = await ask('play')
    // Whoever is first may find room in a block that is there already; then it is full for everybody.
    await until(async () => {
      await ask('release')
      return (await heartbeat(site)).codes.includes('disk.unwritable')
    }, 30_000)
    const waiting = await ask('release')
    for (let count = 0; count < 5; count += 1) {
      const hold = await ask('hold')
      assert.ok(answers.includes((await site.answer(hold)).state))
    }
    assert.equal((await site.answer(await ask('pause'))).id.length > 0, true)
    assert.ok((await readdir(site.layout.inbox)).includes(`${waiting}.json`), 'it waits where it was')
    assert.ok((await heartbeat(site)).codes.includes('disk.unwritable'), 'it is still full')
    disk.makeRoom()
    await allAnswered(site, [play, waiting])
    await isWell(site)
    await endsWell(running)
  })
