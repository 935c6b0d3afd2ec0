import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { lingeringWarning } from '../../uiserver/agent/lingering.ts'
import { withLock } from '../../uiserver/agent/lock.ts'
import { identify, isAlive, terminate, watchEffort } from '../../uiserver/agent/process.ts'
import { openRunDirectory } from '../../uiserver/agent/run-directory.ts'
import { lastLines } from '../../uiserver/agent/service.ts'
import { until } from '../harness/until.ts'

const never = new AbortController().signal

const scratch = async (t: TestContext): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'agent-'))
  t.after(() => rm(dir, { recursive: true }))
  return dir
}

const sleeper = async (t: TestContext, script = 'exec sleep 60') => {
  const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  const identity = await identify(child.pid ?? 0)
  assert.ok(identity !== undefined)
  return { child, identity }
}

test('a process is told apart from a later one with its number', async (t) => {
  const { identity } = await sleeper(t)
  assert.equal(await isAlive(identity), true)
  assert.equal(await isAlive({ ...identity, startTicks: '1' }), false)
})

test('somebody else’s process behind a reused number is not ended', async (t) => {
  const { child, identity } = await sleeper(t)
  assert.equal(await terminate({ ...identity, startTicks: '1' }), false)
  assert.equal(child.signalCode, null)
  assert.equal(await isAlive(identity), true)
})

test('a process that heeds SIGTERM is asked, one that does not is killed', async (t) => {
  const polite = await sleeper(t)
  assert.equal(await terminate(polite.identity), true)
  const stubborn = await sleeper(t, "trap '' TERM; echo ready; while :; do sleep 0.05; done")
  await once(stubborn.child.stdout, 'data')
  const begun = performance.now()
  assert.equal(await terminate(stubborn.identity, 100), true)
  assert.ok(performance.now() - begun >= 100)
  assert.equal(await terminate(stubborn.identity), false)
})

test('one that works is told from one that is stopped', async (t) => {
  const works = await sleeper(t, 'while :; do :; done')
  const effort = await watchEffort(works.identity)
  assert.equal(await effort(), true)
  process.kill(works.identity.pid, 'SIGSTOP')
  await until(async () => !(await (await watchEffort(works.identity))()))
  const sleeps = await sleeper(t)
  await until(async () => !(await (await watchEffort(sleeps.identity))()))
  await terminate(works.identity, 0)
  assert.equal(await effort(), false)
})

test('a lock lets one in at a time and is given back after a failure', async (t) => {
  const path = join(await scratch(t), 'lock')
  let inside = 0
  let most = 0
  const work = async () => {
    inside += 1
    most = Math.max(most, inside)
    await sleep(15)
    inside -= 1
  }
  await Promise.all([1, 2, 3, 4].map(() => withLock(path, never, work)))
  assert.equal(most, 1)
  await assert.rejects(
    withLock(path, never, () => Promise.reject(new Error('inside'))),
    /inside/,
  )
  await withLock(path, never, work)
})

test('a lock held by a killed process is free', async (t) => {
  const path = join(await scratch(t), 'lock')
  const holder = spawn(process.execPath, [
    '-e',
    `const { DatabaseSync } = require('node:sqlite')
     const held = new DatabaseSync(${JSON.stringify(path)})
     held.exec('BEGIN EXCLUSIVE'); console.log('held'); setInterval(() => held, 1000)`,
  ])
  await once(holder.stdout, 'data')
  const impatient = AbortSignal.timeout(60)
  await assert.rejects(withLock(path, impatient, async () => undefined))
  const exited = once(holder, 'exit')
  holder.kill('SIGKILL')
  await exited
  assert.equal(await withLock(path, never, async () => 'in'), 'in')
})

test('a run directory is private, and one that is not is refused', async (t) => {
  const home = await scratch(t)
  const run = await openRunDirectory({ HOME: home })
  const root = join(home, '.seneschal', 'run')
  const [name = ''] = await readdir(root)
  assert.equal((await stat(join(root, name))).mode & 0o777, 0o700)
  assert.equal(await run.socket('uiserver', undefined), join(root, name, 'uiserver.sock'))
  await chmod(join(root, name), 0o750)
  await assert.rejects(openRunDirectory({ HOME: home }), { code: 'agent.failed', message: /alone/ })
  await rm(join(root, name), { recursive: true })
  await mkdir(join(home, 'elsewhere'), { mode: 0o700 })
  await symlink(join(home, 'elsewhere'), join(root, name))
  await assert.rejects(openRunDirectory({ HOME: home }), { code: 'agent.failed', message: /alone/ })
})

test('what earlier boots of this host left is removed, what other hosts have there is not', async (t) => {
  const home = await scratch(t)
  const run = await openRunDirectory({ HOME: home })
  const root = join(home, '.seneschal', 'run')
  const [present = ''] = await readdir(root)
  const host = present.slice(0, -'-00000000'.length)
  assert.match(host, new RegExp(`^${RegExp.escape(hostname())}-[0-9a-f]{8}$`))
  const [former, twin] = [`${host}-0000cafe`, `${host}-0000beef`]
  const others = [
    `${hostname()}-0000cafe-0000cafe`,
    `${host}-2-0000cafe`,
    'elsewhere-0000cafe-0000cafe',
    `${host}-notes`,
  ]
  const longAgo = new Date('2020-01-01')
  for (const name of [former, twin, ...others]) {
    const dir = join(root, name)
    await mkdir(dir)
    await writeFile(join(dir, 'supervisor.json'), '{}')
    if (name !== twin) await utimes(join(dir, 'supervisor.json'), longAgo, longAgo)
    await utimes(dir, longAgo, longAgo)
  }
  await run.removeFormer()
  assert.deepEqual((await readdir(root)).toSorted(), [present, twin, ...others].toSorted())
})

test('a path too long for a socket gives way to a short private one', async (t) => {
  const home = await scratch(t)
  const run = await openRunDirectory({ TMPDIR: home }, join(home, 'd'.repeat(100)))
  const socket = await run.socket('uiserver', undefined)
  assert.equal(await run.socket('uiserver', socket), socket)
  assert.ok(Buffer.byteLength(socket) <= 107)
  assert.equal(basename(socket), 'uiserver')
  assert.equal((await stat(join(socket, '..'))).mode & 0o777, 0o700)
})

test('an account without a usable home is told so', async () => {
  await assert.rejects(openRunDirectory({}), { code: 'agent.failed', message: /no home/ })
  await assert.rejects(openRunDirectory({ HOME: '/dev/null' }), {
    code: 'agent.failed',
    message: /cannot be made/,
  })
})

test('the last lines of a long log are whole lines, and none of a missing one', async (t) => {
  const path = join(await scratch(t), 'log')
  assert.deepEqual(await lastLines(path), [])
  await writeFile(path, Array.from({ length: 3000 }, (_, index) => `line ${index}\n`).join(''))
  const lines = await lastLines(path)
  assert.equal(lines.length, 20)
  assert.equal(lines.at(-1), 'line 2999')
})

test('a host that ends processes at logout is told, unless the account lingers', async (t) => {
  const root = await scratch(t)
  const env = { USER: 'clouds' }
  assert.equal(await lingeringWarning(env, root), undefined)
  await mkdir(join(root, 'etc/systemd/logind.conf.d'), { recursive: true })
  await writeFile(join(root, 'etc/systemd/logind.conf'), '#KillUserProcesses=yes\nKillUserProcesses=no\n')
  assert.equal(await lingeringWarning(env, root), undefined)
  await writeFile(join(root, 'etc/systemd/logind.conf.d/site.conf'), '[Login]\nKillUserProcesses=yes\n')
  assert.match((await lingeringWarning(env, root)) ?? '', /enable-linger/)
  await mkdir(join(root, 'var/lib/systemd/linger'), { recursive: true })
  await writeFile(join(root, 'var/lib/systemd/linger/clouds'), '')
  assert.equal(await lingeringWarning(env, root), undefined)
})
