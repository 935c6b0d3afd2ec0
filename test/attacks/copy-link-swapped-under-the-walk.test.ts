import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { copyHere } from '../harness/copier.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

/** Another process, for as long as it is let: `run` is a directory one moment and a link to the secret the next. */
const swapping = `
const { renameSync } = require('node:fs')
process.stdout.write('ready')
for (;;) {
  for (const [from, to] of [['run', 'aside'], ['link', 'run'], ['run', 'link'], ['aside', 'run']]) renameSync(from, to)
}`

test('a directory that is swapped for a link while it is walked shows nobody a secret', async (t) => {
  const root = await temporaryDirectory(t)
  const tree = join(root, 'tree')
  await mkdir(join(tree, 'run'), { recursive: true })
  await mkdir(join(root, 'secret'))
  for (let file = 0; file < 20; file += 1) {
    await writeFile(join(tree, 'run', `field${file}`), 'open')
    await writeFile(join(root, 'secret', `field${file}`), 'secret')
  }
  await symlink('../secret', join(tree, 'link'))
  const swapper = spawn(process.execPath, ['-e', swapping], {
    cwd: tree,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(swapper, 'exit')
  try {
    await once(swapper.stdout, 'data')
    for (let attempt = 0; attempt < 60; attempt += 1)
      await copyHere(root, 'tree', `copy${attempt}`, { foreign: 'skip' })
  } finally {
    swapper.kill('SIGKILL')
    await ended
  }
  let seen = 0
  for (const name of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!name.isFile() || !name.parentPath.includes('/copy')) continue
    seen += 1
    assert.equal(await readFile(join(name.parentPath, name.name), 'utf8'), 'open')
  }
  assert.ok(seen > 0)
})
