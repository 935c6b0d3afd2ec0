import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startChild } from '../../demo/children.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

test('a part whose program is not there is tried again, and can be stopped all the same', async (t) => {
  const dir = await temporaryDirectory(t)
  const said: string[] = []
  const child = startChild({
    name: 'hub',
    command: join(dir, 'no-such-program'),
    args: [],
    env: {},
    cwd: dir,
    logDir: dir,
    say: (line) => said.push(line),
    restartAfterMs: 10,
  })
  await until(() => said.length >= 2)
  assert.match(said[0] ?? '', /^hub cannot be started: .*ENOENT/)
  assert.equal(child.pid(), undefined)
  await child.stop()
  const before = said.length
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(said.length, before)
})

test('a part that ends is started again until it is stopped', async (t) => {
  const dir = await temporaryDirectory(t)
  const said: string[] = []
  const child = startChild({
    name: 'hub',
    command: '/bin/sh',
    args: ['-c', '[ -e begun ] && exec sleep 60; touch begun; exit 3'],
    env: { PATH: process.env.PATH ?? '' },
    cwd: dir,
    logDir: dir,
    say: (line) => said.push(line),
    restartAfterMs: 10,
  })
  await until(() => said.length === 1 && child.pid() !== undefined)
  assert.match(said[0] ?? '', /^hub ended \(exit 3\)/)
  assert.equal(existsSync(join(dir, 'hub.pid')), true)
  await child.stop()
  assert.equal(existsSync(join(dir, 'hub.pid')), false)
  assert.equal(child.pid(), undefined)
})
