/** Row 20: links, FIFOs, devices, directories, sockets and sparse files in the inbox. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, link, mkdir, readdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type TakenEntry, takeEntry } from '../../durable/inbox.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const gid = process.getgid?.() ?? 0
const asRoot = process.getuid?.() === 0 ? false : 'needs root'

const refused = async (taken: TakenEntry | Promise<TakenEntry>, code = 'request.file-refused') => {
  const entry = await taken
  assert.equal(entry.ok ? 'taken' : entry.code, code)
}

const setUp = async (t: TestContext) => {
  const root = await temporaryDirectory(t)
  const inbox = join(root, 'inbox')
  await mkdir(inbox)
  const secret = join(root, 'secret')
  await writeFile(secret, '{"secret":true}', { mode: 0o640 })
  return { inbox, secret, take: (name: string) => takeEntry(inbox, name, { gid }) }
}

test('a symbolic link to a readable file is not followed', async (t) => {
  const { inbox, secret, take } = await setUp(t)
  await symlink(secret, join(inbox, 'link.json'))
  await refused(take('link.json'))
})

test('a hard link to somebody’s file is not taken', async (t) => {
  const { inbox, secret, take } = await setUp(t)
  await link(secret, join(inbox, 'hard.json'))
  await refused(take('hard.json'))
})

test('a FIFO that nobody writes to blocks nobody', async (t) => {
  const { inbox, take } = await setUp(t)
  execFileSync('mkfifo', [join(inbox, 'fifo.json')])
  await writeFile(join(inbox, 'good.json'), '{}', { mode: 0o640 })
  const from = performance.now()
  const [, good] = await Promise.all([refused(take('fifo.json')), take('good.json')])
  assert.equal(good.ok, true)
  assert.ok(performance.now() - from < 100)
})

test('directories, sockets and devices are not taken', async (t) => {
  const { inbox, take } = await setUp(t)
  await mkdir(join(inbox, 'directory.json'))
  await refused(take('directory.json'))
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(join(inbox, 'socket.json'), resolve))
  t.after(() => server.close())
  await refused(take('socket.json'))
  await refused(takeEntry('/dev', 'zero', { gid: 0 }))
})

test('a sparse file of a terabyte is not read', async (t) => {
  const { inbox, take } = await setUp(t)
  await writeFile(join(inbox, 'sparse.json'), '{}', { mode: 0o640 })
  await truncate(join(inbox, 'sparse.json'), 2 ** 40)
  const from = performance.now()
  await refused(take('sparse.json'), 'input.too-large')
  assert.ok(performance.now() - from < 100)
})

test('a file that only its owner may read is not taken by a daemon that is not root', {
  skip: asRoot,
}, async (t) => {
  const { inbox, take } = await setUp(t)
  await writeFile(join(inbox, 'closed.json'), '{}', { mode: 0o600 })
  for (const path of [join(inbox, '..'), inbox]) await chmod(path, 0o755)
  process.seteuid?.(40_001)
  try {
    const taken = await take('closed.json')
    assert.ok(!taken.ok)
    assert.equal(taken.code, 'request.file-refused')
    assert.match(taken.detail, /0640/, 'and says what to do')
  } finally {
    process.seteuid?.(0)
  }
})

test('a name that is a file when looked at and a link when opened leads nowhere', async (t) => {
  const { inbox, secret, take } = await setUp(t)
  const name = join(inbox, 'swapped.json')
  let swapping = true
  const swapper = (async () => {
    for (let turn = 0; swapping; turn += 1) {
      const next = join(inbox, '..', 'next')
      await (turn % 2 === 0 ? symlink(secret, next) : writeFile(next, '{}', { mode: 0o640 }))
      await rename(next, name)
    }
  })()
  const seen = new Set<string>()
  let count = 0
  await until(async () => {
    for (let tries = 0; tries < 50; tries += 1) {
      const taken = await take('swapped.json')
      seen.add(taken.ok ? taken.bytes.toString() : taken.code)
      count += 1
    }
    // Both were met, and often enough for the moment in between.
    return count >= 1000 && seen.has('{}') && seen.has('request.file-refused')
  }, 20_000)
  swapping = false
  await swapper
  assert.deepEqual(
    [...seen].filter((what) => what.includes('secret')),
    [],
  )
})

/** Puts one of everything that is no request; names of entries. */
const putEverything = async (inbox: string, secret: string): Promise<readonly string[]> => {
  const at = (name: string) => join(inbox, `${name}.json`)
  await symlink(secret, at('link'))
  await symlink('/no/such/file', at('dangling'))
  await link(secret, at('hard'))
  execFileSync('mkfifo', [at('fifo')])
  await mkdir(join(inbox, 'directory.json', 'deep'), { recursive: true })
  await writeFile(at('writable'), '{}')
  await chmod(at('writable'), 0o666)
  await writeFile(at('sparse'), '{}', { mode: 0o640 })
  await truncate(at('sparse'), 2 ** 40)
  const names = ['link', 'dangling', 'hard', 'fifo', 'directory', 'writable', 'sparse']
  if (asRoot) return names
  execFileSync('mknod', [at('device'), 'c', '1', '5'])
  return [...names, 'device']
}

test('each is told once, and people’s requests are answered meanwhile', async (t) => {
  const workflows = { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' }
  const site = await startDaemon(t, { workflows, autoplay: false })
  const { inbox } = site.layout
  let names: readonly string[] = []
  const times: number[] = []
  const refusals = async () => (await site.audit()).match(/"event":"request\.file-refused"/g)?.length ?? 0
  for (let round = 1; round <= 3; round += 1) {
    // Another one each time: a link to the same file again is the same entry again.
    const secret = join(site.dir, `secret-${round}`)
    await writeFile(secret, '{"secret":true}', { mode: 0o640 })
    names = await putEverything(inbox, secret)
    for (const action of ['hold', 'release'] as const) {
      const begun = performance.now()
      assert.equal((await site.ask({ action, workflow: 'clouds' })).state, 'done')
      times.push(performance.now() - begun)
    }
    await until(async () => (await refusals()) === round * names.length)
    // A directory that is not empty cannot be taken away, and is left alone.
    assert.deepEqual(await readdir(inbox), ['directory.json'])
    await rm(join(inbox, 'directory.json'), { recursive: true })
    await site.ask({ action: 'poll', workflow: 'clouds' })
  }
  // The best of six: a request behind a FIFO would wait for ever, one on a busy machine waits now and then.
  assert.ok(Math.min(...times) < 100, `${Math.min(...times)} ms`)
  await site.restart()
  await site.ask({ action: 'poll', workflow: 'clouds' })
  assert.equal(await refusals(), 3 * names.length)
  assert.doesNotMatch(await site.audit(), /secret/)
})
