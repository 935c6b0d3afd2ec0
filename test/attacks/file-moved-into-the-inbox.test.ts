/** Row 41 with real users: one moves or links another's file into the inbox, to have it taken for that one's request. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const skip = process.getuid?.() === 0 ? false : 'acting as other users needs root'
const [victim, attacker] = [40_001, 40_002]
const workflows = { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' }

/** Exit code of a program run by that user. */
const as = async (uid: number, program: string, ...args: readonly string[]): Promise<number> => {
  const child = spawn(program, args, { uid, gid: uid, cwd: '/', stdio: 'ignore' })
  const [code] = await once(child, 'exit')
  return code
}

test('a file is a request only where its owner put it there', { skip }, async (t) => {
  const site = await startDaemon(t, { workflows, autoplay: false })
  const { inbox, temp } = site.layout
  await chmod(site.dir, 0o755)
  // Where both work: the attacker may rename whatever lies in it.
  const shared = join(site.dir, 'shared')
  await mkdir(shared)
  await chmod(shared, 0o777)
  const request = () => {
    const id = randomUUID()
    const target = { action: 'hold', account: 'atmosphere_stage', workflow: 'clouds', args: {} }
    return { id, text: JSON.stringify({ version: 1, id, ...target }) }
  }
  const victims = async (directory: string, gid = victim) => {
    const { id, text } = request()
    const path = join(directory, `${id}.json`)
    await writeFile(path, text)
    await chown(path, victim, gid)
    await chmod(path, 0o640)
    return { id, path, target: join(inbox, `${id}.json`) }
  }
  const refusals = async () =>
    (await site.audit())
      .split('\n')
      .filter((line) => line.includes('request.file-refused'))
      .map((line) => JSON.parse(line))

  const moved = await victims(shared)
  assert.equal(
    await as(attacker, '/bin/mv', moved.path, moved.target),
    0,
    'a rename needs no right on the file',
  )
  assert.equal((await site.answer(moved.id)).code, 'request.file-refused')
  const [first] = await refusals()
  assert.match(first.reason, new RegExp(`^uid ${victim}: .*moved here`))

  // With the right group already: what lies in the site's own temporary directory cannot be taken from there.
  const waiting = await victims(temp, process.getgid?.() ?? 0)
  assert.notEqual(await as(attacker, '/bin/mv', waiting.path, waiting.target), 0)
  // Nor linked; where the kernel would let it, it has two names.
  const linked = await as(attacker, '/bin/ln', waiting.path, waiting.target)
  if (linked === 0) await until(async () => (await refusals()).length === 2)

  // Nor replaced once it is there.
  await site.daemon.stop()
  const there = await victims(inbox, process.getgid?.() ?? 0)
  const { text } = request()
  const own = join(shared, 'own.json')
  await as(attacker, '/bin/sh', '-c', 'umask 026; printf %s "$1" >"$2"', 'sh', text, own)
  assert.notEqual(await as(attacker, '/bin/mv', '-f', own, there.target), 0)
  assert.notEqual(await as(attacker, '/bin/rm', '-f', there.target), 0)
  assert.doesNotMatch(await site.audit(), /action\.done/)
})
