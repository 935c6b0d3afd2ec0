import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { link, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { copyHere, copyThrough } from '../harness/copier.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const codeOf = (ended: Awaited<ReturnType<typeof copyHere>>) =>
  ended.kind === 'failed' ? ended.code : 'copied'
const detailOf = (ended: Awaited<ReturnType<typeof copyHere>>) =>
  ended.kind === 'failed' ? ended.detail : ''

test('a pipe in a tree blocks no copy: it is refused by name, or skipped where the site says so', async (t) => {
  const root = await temporaryDirectory(t)
  await mkdir(join(root, 'a'))
  execFileSync('mkfifo', [join(root, 'a', 'pipe')])
  const refused = await copyHere(root, 'a', 'b')
  assert.equal(codeOf(refused), 'copy.refused')
  assert.match(detailOf(refused), /"pipe" is a pipe, socket or device/)
  const skipped = await copyThrough(root, 'a', 'c', { foreign: 'skip' })
  assert.equal(skipped.kind === 'copied' && skipped.skipped, 1)
  assert.deepEqual(await readdir(join(root, 'c')), [])
})

test('a second name of a secret below a root of the site is not read', async (t) => {
  const root = await temporaryDirectory(t)
  await mkdir(join(root, 'a'))
  await writeFile(join(root, 'secret'), 'secret')
  await link(join(root, 'secret'), join(root, 'a', 'mine'))
  const ended = await copyHere(root, 'a', 'b', { oneName: true, foreign: 'skip' })
  assert.equal(codeOf(ended), 'copy.refused')
  assert.deepEqual(await readdir(join(root, 'b')), [])
})

test('a link on the way to the source or the destination is not followed', async (t) => {
  const root = await temporaryDirectory(t)
  await mkdir(join(root, 'elsewhere'))
  await writeFile(join(root, 'elsewhere', 'secret'), 'secret')
  await writeFile(join(root, 'file'), 'open')
  await mkdir(join(root, 'below'))
  await symlink('../elsewhere', join(root, 'below', 'link'))
  assert.equal(codeOf(await copyHere(root, 'below/link/secret', 'b')), 'copy.refused')
  assert.equal(codeOf(await copyHere(root, 'below/link', 'b')), 'copy.refused')
  assert.equal(codeOf(await copyHere(root, 'file', 'below/link/new')), 'copy.refused')
  assert.deepEqual(await readdir(join(root, 'elsewhere')), ['secret'])
})
