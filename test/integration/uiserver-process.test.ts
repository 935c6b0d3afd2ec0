/** The verb `uiserver` as the agent starts it: a process of its own, settings on stdin, one line when it is ready. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { WebSocket } from 'ws'
import { openFeedWriter } from '../../durable/feed-writer.ts'
import { ensureDir, writeFileAtomic } from '../../durable/files.ts'
import { closeCodes } from '../../protocol/frames.ts'
import { assertionType } from '../../protocol/tokens.ts'
import { createSigner, generateKey } from '../../wire/tokens.ts'
import { createTunnelClient } from '../../wire/tunnel.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { account, audience, issuer, permissionsOf, put, workflowRow } from '../harness/ui-server.ts'

const entry = join(import.meta.dirname, '../../cli/far.ts')

const start = async (t: TestContext, idleMinutes = 20) => {
  const dir = await temporaryDirectory(t)
  const feed = join(dir, 'feed')
  for (const name of ['0_temp', '1_inbox']) await ensureDir(join(dir, name), { mode: 0o3777 })
  const writer = await openFeedWriter({ dir: feed, dirMode: 0o750, fileMode: 0o640 })
  writer.append({ journal: 1, at: 1, put: [put('workflow', 'clouds', workflowRow('clouds'))], drop: [] })
  await writer.close()
  await writeFileAtomic(join(feed, 'permissions.json'), JSON.stringify(permissionsOf(1, Date.now())), {
    mode: 0o640,
  })
  const signer = await createSigner(await generateKey())
  const socket = join(dir, 'socket')
  const child = spawn(process.execPath, [entry, 'uiserver'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { HOME: dir, PATH: '/usr/bin:/bin' },
  })
  t.after(() => {
    child.kill('SIGKILL')
  })
  child.stdin.end(
    JSON.stringify({
      version: 1,
      account,
      instance: audience.split('/')[1],
      host: 'localhost',
      site: { inbox: join(dir, '1_inbox'), temp: join(dir, '0_temp'), feed },
      hubKeys: signer.jwks(),
      issuer,
      idleMinutes,
      socket,
    }),
  )
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    errors += piece
  })
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>
  const lines = createInterface({ input: child.stdout })
  const ready = await Promise.race([
    once(lines, 'line').then(([line]) => String(line)),
    exited.then(([code]) => `exited ${code}: ${errors}`),
  ])
  assert.equal(ready, '{"ready":true}')
  const tunnel = createTunnelClient({ open: async () => connect(socket) })
  t.after(() => tunnel.close())
  const iat = Math.floor(Date.now() / 1000)
  const token = await signer.sign(assertionType, {
    iss: issuer,
    aud: audience,
    sub: 'jacintar',
    groups: [],
    session: 's',
    elevation: null,
    iat,
    exp: iat + 60,
  })
  const headers = { host: 'server', authorization: `Bearer ${token}` }
  return { child, socket, tunnel, headers, exited, dir, errors: () => errors }
}

const gone = async (child: ChildProcess, exited: Promise<[number | null, string | null]>, ms: number) => {
  const timer = setTimeout(() => child.kill('SIGKILL'), ms)
  const [code, signal] = await exited
  clearTimeout(timer)
  assert.deepEqual([code, signal], [0, null])
}

test('it serves on a private socket, and on SIGTERM tells its readers to come back, and ends', async (t) => {
  const { child, socket, tunnel, headers, exited, errors } = await start(t)
  assert.equal((await stat(socket)).mode & 0o777, 0o600)
  // Whoever only knocks (the agent asks so whether it lives) disturbs nobody.
  for (let knock = 0; knock < 5; knock += 1) {
    const knocking = connect(socket)
    await once(knocking, 'data')
    knocking.destroy()
  }
  const stream = await tunnel.dial()
  const response = await new Promise<number>((resolve, reject) => {
    httpRequest({ createConnection: () => stream, path: '/workflows/clouds', headers })
      .once('response', (answer) => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      })
      .once('error', reject)
      .end()
  })
  assert.equal(response, 200)
  const carried = await tunnel.dial()
  const listening = new WebSocket('ws://server/stream', { createConnection: () => carried, headers })
  await once(listening, 'message')
  const closed = once(listening, 'close')
  child.kill('SIGTERM')
  assert.equal((await closed)[0], closeCodes.restart)
  await gone(child, exited, 5000)
  assert.equal(errors(), '')
  await assert.rejects(stat(socket), { code: 'ENOENT' })
})

test('it ends by itself when nobody uses it; who is refused, or only knocks, is nobody', async (t) => {
  const from = performance.now()
  const { child, socket, tunnel, exited } = await start(t, 2 / 60)
  const knocking = setInterval(() => {
    const knock = connect(socket)
    knock.on('error', () => undefined).once('data', () => knock.destroy())
    tunnel.dial().then(
      (stream) =>
        httpRequest({ createConnection: () => stream, path: '/workflows', headers: { host: 'server' } })
          .once('response', (answer) => answer.resume())
          .on('error', () => undefined)
          .end(),
      () => undefined,
    )
  }, 200)
  t.after(() => clearInterval(knocking))
  await gone(child, exited, 10_000)
  assert.ok(performance.now() - from > 2000)
})

test('settings that it does not understand end it at once, saying which', async () => {
  const child = spawn(process.execPath, [entry, 'uiserver'], { stdio: ['pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    errors += piece
  })
  child.stdin.end('{"version":1,"surprise":true}')
  const [code] = await once(child, 'close')
  assert.notEqual(code, 0)
  assert.match(errors, /surprise/)
})
