import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { copyHere, copyThrough } from '../harness/copier.ts'
import { cannotMount, mountSmall } from '../harness/filesystem.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const MiB = 1024 * 1024

for (const [how, copy] of [
  ['one copier', copyHere],
  ['two copiers', copyThrough],
] as const)
  test(`${how}: a full disk fails a copy by name; asked for again, it goes on`, {
    skip: cannotMount,
  }, async (t) => {
    const root = await temporaryDirectory(t)
    const disk = join(root, 'disk')
    const content = randomBytes(16 * MiB)
    await writeFile(join(root, 'a'), content)
    const small = mountSmall(disk, 24 * MiB)
    try {
      await writeFile(join(disk, 'filler'), randomBytes(12 * MiB))
      const failed = await copy(root, 'a', 'b', {}, disk)
      assert.equal(failed.kind === 'failed' && failed.code, 'copy.failed')
      assert.match(failed.kind === 'failed' ? failed.detail : '', /ENOSPC/)
      await writeFile(join(disk, 'filler'), '')
      assert.equal((await copy(root, 'a', 'b', {}, disk)).kind, 'copied')
      assert.ok((await readFile(join(disk, 'b'))).equals(content))
      assert.equal((await stat(join(disk, 'b'))).nlink, 1)
    } finally {
      small.end()
    }
  })
