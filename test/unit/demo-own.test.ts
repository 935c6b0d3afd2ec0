import assert from 'node:assert/strict'
import { chmod, chown, mkdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { own } from '../../demo/own.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const isRoot = process.getuid?.() === 0

test('what was copied out of somebody’s checkout belongs to whoever installs it, and nobody else may write it', async (t) => {
  const dir = await temporaryDirectory(t)
  const [deep, file] = [join(dir, 'a/b'), join(dir, 'a/b/workflow.yaml')]
  await mkdir(deep, { recursive: true })
  await writeFile(file, '')
  await symlink('/nowhere/at/all', join(dir, 'a/link'))
  for (const path of [join(dir, 'a'), deep, file]) await chmod(path, 0o777)
  if (isRoot) for (const path of [join(dir, 'a'), deep, file]) await chown(path, 4711, 4711)
  own(join(dir, 'a'))
  for (const path of [join(dir, 'a'), deep, file]) {
    const found = await stat(path)
    assert.deepEqual([found.mode & 0o777, found.uid], [0o755, process.getuid?.()])
  }
})
