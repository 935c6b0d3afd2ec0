import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, readlink, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Status } from '../harness/daemon.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { bubblewrap, needsSandbox, workflows } from '../harness/plugins.ts'
import { until } from '../harness/until.ts'

const siteRoots = { from: ['archive'], to: ['archive'] }

/** A daemon with the copy plugin, a site root, and something in it. */
const daemonThatCopies = async (t: TestContext) => {
  const daemon = await startDaemon(t, {
    workflows,
    autoplay: false,
    plugins: {
      active: [{ name: 'copy', version: '1.0.0', settings: siteRoots }],
      ...(bubblewrap === undefined ? {} : { bubblewrap }),
    },
    copies: (dir) => ({ site: { archive: { path: join(dir, 'archive'), write: true } } }),
  })
  const archive = join(daemon.dir, 'archive')
  const home = join(daemon.dir, 'home', 'atmosphere_stage')
  const begin = async (source: string, destination: string, more: Readonly<Record<string, unknown>> = {}) => {
    const made = await daemon.grant({
      action: 'submit',
      plugin: 'copy',
      args: { source, destination, ...more },
    })
    await daemon.put({ version: 1, ...made })
    return made.id
  }
  /** Processes are started on the way, on whatever machine this is. */
  const ended = async (id: string) => {
    let status: Status | undefined
    await until(async () => {
      status = await daemon.answer(id).catch(() => undefined)
      return status !== undefined
    }, 60_000)
    return status
  }
  const copy = async (...words: Parameters<typeof begin>) => ended(await begin(...words))
  return { ...daemon, archive, home, begin, ended, copy }
}

const makeTree = async (dir: string): Promise<Buffer> => {
  await mkdir(join(dir, 'below'), { recursive: true })
  await writeFile(join(dir, 'small'), 'small')
  await writeFile(join(dir, 'empty'), '')
  const large = randomBytes(3 * 1024 * 1024 + 17)
  await writeFile(join(dir, 'below', 'large'), large, { mode: 0o640 })
  return large
}

for (const [from, to] of [
  ['archive', 'home'],
  ['home', 'archive'],
  ['home', 'home'],
  ['archive', 'archive'],
] as const)
  test(`a tree is copied from ${from} to ${to}`, needsSandbox, async (t) => {
    const daemon = await daemonThatCopies(t)
    await mkdir(daemon.archive, { recursive: true })
    const large = await makeTree(join(daemon[from], 'run7'))
    const answer = await daemon.copy(`${from}:run7`, `${to}:results/run7b`)
    assert.equal(answer?.state, 'done', await daemon.audit())
    const copied = join(daemon[to], 'results', 'run7b')
    assert.deepEqual(await readFile(join(copied, 'below', 'large')), large)
    assert.equal(await readFile(join(copied, 'small'), 'utf8'), 'small')
    assert.equal(await readFile(join(copied, 'empty'), 'utf8'), '')
    assert.equal((await stat(join(copied, 'below', 'large'))).mode & 0o777, 0o640)
    assert.deepEqual(
      (await readdir(daemon[to])).filter((name) => name.startsWith('.seneschal-copies')),
      [],
    )
    assert.match(await daemon.audit(), /3 files, 3\.15 MB\./)
    const again = await daemon.copy(`${from}:run7`, `${to}:results/run7b`)
    assert.deepEqual([again?.state, again?.code], ['failed', 'step.failed'])
    assert.match(await daemon.audit(), /is there already, and overwriting was not asked for/)
  })

/** Copiers of this test's own tree, by what they hold open. */
const copiersAt = async (dir: string): Promise<readonly number[]> => {
  const found: number[] = []
  for (const name of (await readdir('/proc')).filter((entry) => /^[0-9]+$/.test(entry))) {
    const words = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
    if (!words.split('\0').includes('copier')) continue
    for (const fd of await readdir(`/proc/${name}/fd`).catch(() => []))
      if ((await readlink(`/proc/${name}/fd/${fd}`).catch(() => '')).startsWith(dir)) {
        found.push(Number(name))
        break
      }
  }
  return found
}

test('copiers that are killed go on where they were, and the daemon too', needsSandbox, async (t) => {
  const daemon = await daemonThatCopies(t)
  await makeTree(join(daemon.archive, 'run7'))
  const size = 700 * 1024 * 1024
  // Mostly a hole, which is read as slowly as anything else and takes no room.
  await writeFile(join(daemon.archive, 'run7', 'field'), randomBytes(64 * 1024))
  await truncate(join(daemon.archive, 'run7', 'field'), size)
  const id = await daemon.begin('archive:run7', 'home:run7', { sparse: false })
  await until(async () => (await copiersAt(daemon.dir)).length === 2, 60_000)
  for (const pid of await copiersAt(daemon.dir)) process.kill(pid, 'SIGKILL')
  await until(async () => (await copiersAt(daemon.dir)).length > 0, 60_000)
  await daemon.restart()
  assert.equal((await daemon.ended(id))?.state, 'done', await daemon.audit())
  assert.equal((await stat(join(daemon.home, 'run7', 'field'))).size, size)
  assert.equal(await readFile(join(daemon.home, 'run7', 'small'), 'utf8'), 'small')
  await until(async () => (await copiersAt(daemon.dir)).length === 0, 10_000)
})
