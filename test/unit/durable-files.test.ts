import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod/mini'
import { ensureDir, readJsonFile, writeFileAtomic } from '../../durable/files.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const mode = async (path: string) => (await stat(path)).mode & 0o7777
const code = (expected: string) => (error: unknown) =>
  error instanceof SeneschalError && error.code === expected

test('a file is replaced in one step, with its mode whatever the umask, and leaves nothing beside it', async (t) => {
  const dir = await temporaryDirectory(t)
  const path = join(dir, 'x.json')
  await writeFileAtomic(path, 'one', { mode: 0o666 })
  assert.equal(await mode(path), 0o666)
  await writeFileAtomic(path, 'two', { mode: 0o600, fsync: false })
  assert.equal(await mode(path), 0o600)
  assert.equal(await readFile(path, 'utf8'), 'two')
  await mkdir(join(dir, 'taken'))
  await assert.rejects(writeFileAtomic(join(dir, 'taken'), 'x', { mode: 0o600 }))
  assert.deepEqual((await readdir(dir)).sort(), ['taken', 'x.json'])
})

test('a JSON file that does not fit is refused by name, an absent one is undefined', async (t) => {
  const dir = await temporaryDirectory(t)
  const schema = z.strictObject({ a: z.number() })
  assert.equal(await readJsonFile(join(dir, 'none.json'), schema), undefined)
  await writeFile(join(dir, 'a.json'), '{"a":1}')
  assert.deepEqual(await readJsonFile(join(dir, 'a.json'), schema), { a: 1 })
  await writeFile(join(dir, 'a.json'), '{"a":1,"b":2}')
  await assert.rejects(readJsonFile(join(dir, 'a.json'), schema), code('input.invalid'))
  await writeFile(join(dir, 'a.json'), '{"a":')
  await assert.rejects(readJsonFile(join(dir, 'a.json'), schema), /a\.json is not JSON/)
})

test('a directory gets its mode, sticky and set-id bits too; a link in its place is refused', async (t) => {
  const dir = await temporaryDirectory(t)
  await ensureDir(join(dir, 'deep/er'), { mode: 0o3777 })
  assert.equal(await mode(join(dir, 'deep/er')), 0o3777)
  await chmod(join(dir, 'deep/er'), 0o755)
  await ensureDir(join(dir, 'deep/er'), { mode: 0o700 })
  assert.equal(await mode(join(dir, 'deep/er')), 0o700)
  await symlink(join(dir, 'deep'), join(dir, 'link'))
  await assert.rejects(ensureDir(join(dir, 'link'), { mode: 0o700 }), code('config.invalid'))
  await writeFile(join(dir, 'file'), '')
  await assert.rejects(ensureDir(join(dir, 'file'), { mode: 0o700 }), code('config.invalid'))
})
