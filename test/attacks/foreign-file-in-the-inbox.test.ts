/** Row 41: renaming needs rights on directories alone, so a file may be here that its owner never put here. */
import assert from 'node:assert/strict'
import { chmod, chown, link, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { takeEntry } from '../../durable/inbox.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const gid = process.getgid?.() ?? 0
const codeOf = async (dir: string, name: string, inboxGid = gid) => {
  const taken = await takeEntry(dir, name, { gid: inboxGid })
  return taken.ok ? 'taken' : taken.code
}

test('a file of another group than the inbox’s was moved here, and is refused', async (t) => {
  const dir = await temporaryDirectory(t)
  await writeFile(join(dir, 'moved.json'), '{}', { mode: 0o640 })
  assert.equal(await codeOf(dir, 'moved.json', gid + 1), 'request.file-refused')
  assert.equal(await codeOf(dir, 'moved.json'), 'taken')
})

test('a file that its group or others may write to is refused', async (t) => {
  const dir = await temporaryDirectory(t)
  for (const mode of [0o660, 0o642, 0o666]) {
    await writeFile(join(dir, `${mode}.json`), '{}')
    await chmod(join(dir, `${mode}.json`), mode)
    assert.equal(await codeOf(dir, `${mode}.json`), 'request.file-refused', mode.toString(8))
  }
})

test('a file with a second name elsewhere is refused', async (t) => {
  const dir = await temporaryDirectory(t)
  await writeFile(join(dir, 'kept'), '{}', { mode: 0o640 })
  await link(join(dir, 'kept'), join(dir, 'linked.json'))
  assert.equal(await codeOf(dir, 'linked.json'), 'request.file-refused')
})

test('the owner named is the owner of the file', { skip: process.getuid?.() !== 0 }, async (t) => {
  const dir = await temporaryDirectory(t)
  await writeFile(join(dir, 'theirs.json'), '{}', { mode: 0o640 })
  await chown(join(dir, 'theirs.json'), 12_345, gid)
  const taken = await takeEntry(dir, 'theirs.json', { gid })
  assert.equal(taken.uid, 12_345)
})
