/** Spawners through their contract, on real processes and a real sshd. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Handle, Spawner, StartProgress } from '../../spawners/contract.ts'
import { createSpawner } from '../../spawners/registry.ts'
import { type FarSide, installFarSide } from '../harness/far-side.ts'
import { askWhoAmI, spawnSettingsFor } from '../harness/road.ts'
import { canRunSshd, newKeyPair, type Sshd, startSshd } from '../harness/sshd.ts'
import { uniqueAccount } from '../harness/unix-accounts.ts'
import { until } from '../harness/until.ts'

const entry = join(import.meta.dirname, '..', 'harness', 'agent-entry.ts')
const deps = { now: Date.now, random: Math.random, env: process.env, entry, warn: () => undefined }
const never = new AbortController().signal
const ignore = () => undefined

const localSpawner = async (t: TestContext): Promise<{ readonly spawner: Spawner; readonly dir: string }> => {
  const dir = await mkdtemp(join(tmpdir(), 'spawn-'))
  const spawner = createSpawner({ kind: 'local', runDirRoot: dir }, deps)
  t.after(async () => {
    await spawner.close()
    await rm(dir, { recursive: true })
  })
  return { spawner, dir }
}

/** Processes whose command line ends in `ENTRY uiserver` and whose settings name this directory. */
const serversBelow = async (dir: string): Promise<readonly number[]> => {
  const found: number[] = []
  for (const account of await readdir(dir))
    for (const host of await readdir(join(dir, account))) {
      const record = await readFile(join(dir, account, host, 'uiserver.json'), 'utf8').catch(() => undefined)
      if (record === undefined) continue
      const { pid } = JSON.parse(record)
      const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => ') Z')
      if (!/\) [ZX]/.test(stat)) found.push(pid)
    }
  return found
}

test('a hub starts, polls, dials and stops a server', async (t) => {
  const { spawner } = await localSpawner(t)
  const settings = spawnSettingsFor('clouds')
  const handle = await spawner.start('clouds', settings, ignore, never)
  assert.equal(handle.instance, settings.instance)
  assert.equal((await spawner.poll(handle)).state, 'running')
  assert.equal((await askWhoAmI(() => spawner.dial(handle))).instance, settings.instance)
  await spawner.stop(handle)
  assert.equal((await spawner.poll(handle)).state, 'exited')
  await assert.rejects(spawner.dial(handle), { code: 'server.off' })
})

test('a hub that comes back finds the server by its stored handle', async (t) => {
  const { spawner, dir } = await localSpawner(t)
  const stored = JSON.stringify(await spawner.start('clouds', spawnSettingsFor('clouds'), ignore, never))
  await spawner.close()
  const returning = createSpawner({ kind: 'local', runDirRoot: dir }, deps)
  const handle: Handle = JSON.parse(stored)
  assert.equal((await returning.poll(handle)).state, 'running')
  assert.equal((await askWhoAmI(() => returning.dial(handle))).instance, handle.instance)
  await returning.stop(handle)
  await returning.close()
})

test('a handle is told before anything is launched, and finds what a killed hub left', async (t) => {
  const { spawner, dir } = await localSpawner(t)
  const settings = spawnSettingsFor('clouds')
  let launchedWhenTold: number | undefined
  let told: Handle | undefined
  const progress = async (event: StartProgress) => {
    if (event.handle === undefined) return
    told = event.handle
    await sleep(50)
    launchedWhenTold = (await serversBelow(dir)).length
  }
  await spawner.start('clouds', settings, progress, never)
  assert.equal(launchedWhenTold, 0)
  assert.ok(told !== undefined)
  assert.equal((await spawner.poll(told)).state, 'running')
  await spawner.stop(told)
  assert.deepEqual(await serversBelow(dir), [])
})

test('a start beside a running server finds that one', async (t) => {
  const { spawner } = await localSpawner(t)
  const first = await spawner.start('clouds', spawnSettingsFor('clouds'), ignore, never)
  const second = await spawner.start('clouds', spawnSettingsFor('clouds'), ignore, never)
  assert.equal(second.instance, first.instance)
  await spawner.stop(first)
})

test('a start that meets another one under way waits for it and finds its server', async (t) => {
  const { spawner } = await localSpawner(t)
  const launching = Promise.withResolvers<void>()
  const progress = ({ text }: StartProgress) => {
    if (text === 'Launching it.') launching.resolve()
  }
  const first = spawner.start('clouds', spawnSettingsFor('clouds', 'late'), progress, never)
  await launching.promise
  await sleep(150)
  const second = await spawner.start('clouds', spawnSettingsFor('clouds', 'late'), ignore, never)
  const handle = await first
  assert.equal(second.instance, handle.instance)
  assert.equal((await spawner.poll(handle)).state, 'running')
  await spawner.stop(handle)
})

test('a stop with the handle of an earlier run leaves the present one alone', async (t) => {
  const { spawner } = await localSpawner(t)
  const old = await spawner.start('clouds', spawnSettingsFor('clouds'), ignore, never)
  await spawner.stop(old)
  const present = await spawner.start('clouds', spawnSettingsFor('clouds'), ignore, never)
  await spawner.stop(old)
  assert.equal((await spawner.poll(old)).state, 'exited')
  assert.equal((await spawner.poll(present)).state, 'running')
  await spawner.stop(present)
})

test('a server that ends as it starts is reported with its last lines', async (t) => {
  const { spawner } = await localSpawner(t)
  const settings = spawnSettingsFor('clouds', 'breaks')
  await assert.rejects(spawner.start('clouds', settings, ignore, never), {
    code: 'spawn.failed',
    message: /code 3.*the data is on fire/,
  })
})

test('a start that is given up leaves no process', async (t) => {
  const { spawner, dir } = await localSpawner(t)
  const cancel = new AbortController()
  const texts: string[] = []
  const progress = ({ text }: StartProgress) => {
    texts.push(text)
    if (text === 'Still reading.') cancel.abort(new Error('not any more'))
  }
  await assert.rejects(
    spawner.start('clouds', spawnSettingsFor('clouds', 'slow'), progress, cancel.signal),
    /not any more/,
  )
  for (const end = Date.now() + 5000; (await serversBelow(dir)).length > 0; await sleep(20))
    assert.ok(Date.now() < end, 'the server is still there')
})

test('a killed server is seen as gone, a stopped one as silent', async (t) => {
  const { spawner } = await localSpawner(t)
  const handle = await spawner.start('clouds', spawnSettingsFor('clouds'), ignore, never)
  const { pid } = await askWhoAmI(() => spawner.dial(handle))
  const lost: string[] = []
  spawner.onLost?.((instance) => lost.push(instance))
  process.kill(pid, 'SIGSTOP')
  assert.deepEqual(await spawner.poll(handle), { state: 'silent', busy: false })
  process.kill(pid, 'SIGKILL')
  await until(() => lost.length === 1)
  assert.deepEqual(lost, [handle.instance])
  assert.equal((await spawner.poll(handle)).state, 'exited')
})

test('a start replaces a server that hangs', async (t) => {
  const { spawner, dir } = await localSpawner(t)
  const hung = await spawner.start('clouds', spawnSettingsFor('clouds'), ignore, never)
  const { pid } = await askWhoAmI(() => spawner.dial(hung))
  process.kill(pid, 'SIGSTOP')
  const handle = await spawner.start('clouds', spawnSettingsFor('clouds'), ignore, never)
  assert.notEqual(handle.instance, hung.instance)
  assert.equal((await serversBelow(dir)).length, 1)
  await spawner.stop(handle)
})

test('a run directory too deep for a socket still works', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'spawn-'))
  const deep = join(dir, 'd'.repeat(90))
  const env = { ...process.env, TMPDIR: dir }
  const spawner = createSpawner({ kind: 'local', runDirRoot: deep }, { ...deps, env })
  t.after(async () => {
    await spawner.close()
    await rm(dir, { recursive: true })
  })
  const handle = await spawner.start('clouds', spawnSettingsFor('clouds'), ignore, never)
  assert.equal((await askWhoAmI(() => spawner.dial(handle))).instance, handle.instance)
  await spawner.stop(handle)
})

const skip = (await canRunSshd()) ? false : 'needs root and sshd'

describe('over two hosts', { skip }, () => {
  const [atmosphere, oceans] = [uniqueAccount(), uniqueAccount()]
  const key = newKeyPair()
  let far: FarSide
  let sshd: Sshd
  let blackHole: Server
  let keyFile: string

  before(async () => {
    far = await installFarSide()
    sshd = await startSshd({
      dir: far.dir,
      accounts: [atmosphere, oceans].map((name) => ({
        name,
        keys: [{ publicKey: key.publicKey, command: far.command('hub') }],
      })),
    })
    keyFile = join(far.dir, 'hub_key')
    await writeFile(keyFile, key.privateKey, { mode: 0o600 })
    await chmod(keyFile, 0o600)
    blackHole = createServer().listen(0, '127.0.0.1')
    await once(blackHole, 'listening')
  })
  after(async () => {
    blackHole?.close()
    await sshd?.stop()
    await far?.remove()
  })

  const spawnerOver = (hosts: readonly { readonly name: string; readonly port: number }[]): Spawner =>
    createSpawner(
      {
        kind: 'ssh',
        keyFile,
        hosts: hosts.map((host) => ({ ...host, address: '127.0.0.1', hostKeys: [sshd.hostKey] })),
      },
      deps,
    )
  const blackHolePort = (): number => {
    const address = blackHole.address()
    assert.ok(address !== null && typeof address === 'object')
    return address.port
  }

  test('a host that swallows connections costs two seconds, once', async () => {
    const spawner = spawnerOver([
      { name: 'hole', port: blackHolePort() },
      { name: 'good', port: sshd.port },
    ])
    const timed = async (account: string) => {
      const hosts: (string | undefined)[] = []
      const begun = performance.now()
      const handle = await spawner.start(
        account,
        spawnSettingsFor(account),
        ({ host }) => {
          if (host === undefined) return
          hosts.push(host, String(Math.round(performance.now() - begun)))
        },
        never,
      )
      return { handle, host: hosts[0], chosenAfter: Number(hosts[1]) }
    }
    const first = await timed(atmosphere)
    const second = await timed(oceans)
    assert.deepEqual([first.host, second.host], ['good', 'good'])
    assert.ok(first.chosenAfter >= 1500 && first.chosenAfter < 3000, `${first.chosenAfter} ms`)
    assert.ok(second.chosenAfter < 1500, `${second.chosenAfter} ms`)
    const who = await askWhoAmI(() => spawner.dial(second.handle))
    assert.equal(who.uid, sshd.uid(oceans))
    assert.deepEqual(
      spawner
        .hosts?.()
        .filter(({ measured }) => measured !== null)
        .map(({ host }) => host),
      ['good'],
    )
    await Promise.all([spawner.stop(first.handle), spawner.stop(second.handle)])
    await spawner.close()
  })

  test('a host key that is not on record stops the start', async () => {
    const spawner = createSpawner(
      {
        kind: 'ssh',
        keyFile,
        hosts: [{ name: 'here', address: '127.0.0.1', port: sshd.port, hostKeys: [newKeyPair().publicKey] }],
      },
      deps,
    )
    await assert.rejects(spawner.start(atmosphere, spawnSettingsFor(atmosphere), ignore, never), {
      code: 'host.key-unknown',
    })
    await spawner.close()
  })
})
