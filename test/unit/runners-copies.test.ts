import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import {
  chmod,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { runCopier } from '../../runners/copies/copier.ts'
import { staysWithin } from '../../runners/copies/descriptors.ts'
import { beginningOf } from '../../runners/copies/sink.ts'
import { copyHere, copyThrough, rulesOf } from '../harness/copier.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const MiB = 1024 * 1024

for (const [how, copy] of [
  ['one copier', copyHere],
  ['two copiers', copyThrough],
] as const) {
  test(`${how}: a tree arrives with modes, times and links, without set-id bits`, async (t) => {
    const root = await temporaryDirectory(t)
    const large = randomBytes(2 * MiB + 1)
    await mkdir(join(root, 'a', 'below'), { recursive: true })
    await writeFile(join(root, 'a', 'below', 'large'), large)
    await writeFile(join(root, 'a', 'program'), '#!/bin/sh\n')
    await writeFile(join(root, 'a', 'empty'), '')
    await chmod(join(root, 'a', 'program'), 0o4755)
    await utimes(join(root, 'a', 'program'), 1_000_000, 1_000_000)
    await symlink('below/large', join(root, 'a', 'link'))
    await chmod(join(root, 'a', 'below'), 0o750)
    await utimes(join(root, 'a', 'below'), 2_000_000, 2_000_000)
    const ended = await copy(root, 'a', 'x/b')
    assert.deepEqual(ended, {
      kind: 'copied',
      counts: { files: 3, bytes: 2 * MiB + 11, totalFiles: 3, totalBytes: 2 * MiB + 11 },
      skipped: 0,
    })
    const copied = join(root, 'x', 'b')
    assert.deepEqual(await readFile(join(copied, 'below', 'large')), large)
    assert.equal((await stat(join(copied, 'program'))).mode & 0o7777, 0o755)
    assert.equal((await stat(join(copied, 'program'))).mtimeMs, 1_000_000_000)
    assert.equal((await stat(join(copied, 'below'))).mode & 0o7777, 0o750)
    assert.equal((await stat(join(copied, 'below'))).mtimeMs, 2_000_000_000)
    assert.equal(await readlink(join(copied, 'link')), 'below/large')
    assert.deepEqual((await readdir(root)).sort(), ['a', 'x'])
  })

  test(`${how}: holes stay holes`, async (t) => {
    const root = await temporaryDirectory(t)
    await writeFile(join(root, 'a'), 'head')
    await truncate(join(root, 'a'), 64 * MiB)
    const file = await open(join(root, 'a'), 'r+')
    await file.write('middle', 32 * MiB + 5)
    await file.close()
    assert.equal((await copy(root, 'a', 'b', { verify: true })).kind, 'copied')
    const [before, after] = [await readFile(join(root, 'a')), await readFile(join(root, 'b'))]
    assert.ok(before.equals(after))
    assert.ok((await stat(join(root, 'b'))).blocks * 512 < 4 * MiB)
  })

  test(`${how}: a large file goes on from its verified beginning, a wrong beginning is not believed`, async (t) => {
    const root = await temporaryDirectory(t)
    const content = randomBytes(20 * MiB)
    await writeFile(join(root, 'a'), content)
    for (const [name, beginning] of [
      ['right', content.subarray(0, 9 * MiB + 100)],
      ['wrong', randomBytes(9 * MiB)],
    ] as const) {
      const { key } = rulesOf(name)
      const work = join(root, '.seneschal-copies', key)
      await mkdir(work, { recursive: true, mode: 0o700 })
      await chmod(join(root, '.seneschal-copies'), 0o700)
      await writeFile(join(work, beginningOf('')), beginning, { mode: 0o600 })
      const { ino } = await stat(join(work, beginningOf('')))
      assert.equal((await copy(root, 'a', name)).kind, 'copied')
      assert.ok((await readFile(join(root, name))).equals(content))
      assert.equal((await stat(join(root, name))).ino, ino)
    }
  })

  test(`${how}: what a failed copy left is neither copied again nor overwritten`, async (t) => {
    const root = await temporaryDirectory(t)
    await mkdir(join(root, 'a'))
    await writeFile(join(root, 'a', '1'), 'one')
    await writeFile(join(root, 'a', '2'), 'two')
    await symlink('/etc', join(root, 'a', 'out'))
    const failed = await copy(root, 'a', 'b')
    assert.deepEqual([failed.kind, failed.kind === 'failed' && failed.code], ['failed', 'copy.refused'])
    const before = await readdir(join(root, 'b'))
    assert.ok(existsSync(join(root, '.seneschal-copies')))
    const inodes = await Promise.all(before.map(async (name) => (await stat(join(root, 'b', name))).ino))
    assert.equal((await copy(root, 'a', 'b', { foreign: 'skip' })).kind, 'copied')
    const after = await Promise.all(before.map(async (name) => (await stat(join(root, 'b', name))).ino))
    assert.deepEqual(after, inodes)
    assert.deepEqual((await readdir(join(root, 'b'))).sort(), ['1', '2'])
  })

  test(`${how}: overwriting replaces files, and only when told`, async (t) => {
    const root = await temporaryDirectory(t)
    for (const name of ['a', 'b']) await mkdir(join(root, name))
    await writeFile(join(root, 'a', 'same'), 'new')
    await writeFile(join(root, 'b', 'same'), 'old')
    await writeFile(join(root, 'b', 'other'), 'kept')
    const refused = await copy(root, 'a', 'b')
    assert.equal(refused.kind === 'failed' && refused.code, 'copy.exists')
    assert.equal(await readFile(join(root, 'b', 'same'), 'utf8'), 'old')
    assert.equal((await copy(root, 'a', 'b', { overwrite: true })).kind, 'copied')
    assert.equal(await readFile(join(root, 'b', 'same'), 'utf8'), 'new')
    assert.equal(await readFile(join(root, 'b', 'other'), 'utf8'), 'kept')
  })

  test(`${how}: a file that somebody puts at the destination meanwhile stays`, async (t) => {
    const root = await temporaryDirectory(t)
    await mkdir(join(root, 'a'))
    await writeFile(join(root, 'a', 'name'), 'ours')
    await symlink('/etc', join(root, 'a', 'zz'))
    await copy(root, 'a', 'b')
    await writeFile(join(root, 'b', 'later'), 'theirs')
    await writeFile(join(root, 'a', 'later'), 'ours')
    const ended = await copy(root, 'a', 'b', { foreign: 'skip' })
    assert.equal(ended.kind === 'failed' && ended.code, 'copy.exists')
    assert.equal(await readFile(join(root, 'b', 'later'), 'utf8'), 'theirs')
  })
}

test('links that stay within what is copied', () => {
  const cases: readonly (readonly [string, number, boolean])[] = [
    ['file', 0, true],
    ['below/file', 0, true],
    ['./below//file', 0, true],
    ['../file', 1, true],
    ['../file', 0, false],
    ['../../file', 1, false],
    ['below/../file', 1, false],
    ['/etc/passwd', 5, false],
    ['..', 0, false],
  ]
  for (const [target, depth, expected] of cases)
    assert.equal(staysWithin(target, depth), expected, `${target} at ${depth}`)
})

test('a directory that is not private is no workplace', async (t) => {
  const root = await temporaryDirectory(t)
  await writeFile(join(root, 'a'), 'x')
  await mkdir(join(root, '.seneschal-copies'), { mode: 0o777 })
  await chmod(join(root, '.seneschal-copies'), 0o777)
  const ended = await copyHere(root, 'a', 'b')
  assert.equal(ended.kind === 'failed' && ended.code, 'copy.refused')
  assert.equal((await lstat(join(root, 'b')).catch(() => undefined)) === undefined, true)
})

test('a source whose sink failed and reads no more does not wait for it', async (t) => {
  const root = await temporaryDirectory(t)
  await writeFile(join(root, 'a'), randomBytes(4 * 1024 * 1024))
  const [input, output] = [new PassThrough(), new PassThrough({ highWaterMark: 1024 })]
  const order = { role: 'source', from: { root, path: 'a' }, ...rulesOf('b') }
  input.write(`${JSON.stringify(order)}\n`)
  const done = runCopier({ input, output, home: undefined, onAbandoned: () => undefined })
  input.write(
    `${JSON.stringify({ kind: 'found', done: [], begun: [] })}\n${JSON.stringify({ kind: 'ready' })}\n`,
  )
  await until(() => output.writableNeedDrain)
  input.write(`${JSON.stringify({ kind: 'failed', code: 'copy.failed', detail: 'ENOSPC' })}\n`)
  await done
})
