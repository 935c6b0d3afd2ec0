/** Row 20: links, FIFOs, devices, directories, sockets and sparse files in the inbox. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { link, mkdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type TakenEntry, takeEntry } from '../../durable/inbox.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const gid = process.getgid?.() ?? 0

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
