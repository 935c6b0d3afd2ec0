/** A person at a shell: signs in through a browser elsewhere, looks, raises, acts, leaves. Real hub, provider and processes. */
import assert from 'node:assert/strict'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { confirmWith, createCommandLine, type Running } from '../harness/command-line.ts'
import { startTestHub, type TestHub } from '../harness/hub.ts'
import { freePort } from '../harness/ports.ts'
import { until } from '../harness/until.ts'

const begin = async (t: TestContext) => {
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const hub = await startTestHub(t, { at: { origin, port }, config: { commandLine: { enabled: true } } })
  return { hub, origin, ...createCommandLine(t) }
}
const confirm = (hub: TestHub, running: Running, person: string) =>
  confirmWith(hub.visitor(), running, person)

test('somebody signs in, sees what they may, raises, acts, and leaves nothing behind', async (t) => {
  const { hub, origin, home, start, seneschal } = await begin(t)
  const nobody = await seneschal('whoami')
  assert.match(nobody.err, /seneschal login https:\/\/HUB \[session\.missing\]/)

  const signedIn = await confirm(hub, start(['login', origin]), 'jacintar')
  assert.equal(signedIn.code, 0, signedIn.err)
  assert.match(signedIn.out, /^jacintar at http:\/\/localhost:\d+, read-only\ngroups: oidc\/forecasters/)
  const file = join(home, '.config/seneschal/sessions.json')
  assert.equal(statSync(file).mode & 0o777, 0o600)

  const scan = await seneschal('scan')
  assert.match(scan.out, /^~atmosphere_stage\/clouds +\w+/)
  assert.ok(
    !scan.out.includes('secret') && !scan.out.includes('oceans_stage'),
    'what is hidden is not listed',
  )

  const task = 'atmosphere_stage/clouds//20261122T0600Z/climb'
  const early = await seneschal('hold', task)
  assert.equal(early.code, 1)
  assert.match(early.err, /This needs raised privileges\. seneschal raise execute \[elevation\.required\]/)

  const raised = await confirm(hub, start(['raise', 'execute', '--reason', 'clouds hangs']), 'jacintar')
  assert.match(raised.out, /raised to execute until/)
  const held = await seneschal('hold', task, '--no-wait', '--reason', 'disk full')
  assert.equal(held.code, 0, held.err)
  const [intent] = (await hub.audited('action.intended')).slice(-1)
  assert.deepEqual(
    [intent?.person, intent?.action, intent?.task, intent?.reason, intent?.request],
    ['jacintar', 'hold', 'climb', 'disk full', held.out.trim()],
  )
  const waiting = start(['hold', task])
  await until(async () => (await hub.audited('action.intended')).length === 2, 20_000)
  const request = (await hub.audited('action.intended')).at(-1)?.request ?? ''
  await hub.feed.put('request', request, {
    ...{ id: request, account: 'atmosphere_stage', action: 'hold', person: 'jacintar', via: 'web' },
    ...{ workflow: 'clouds', cycle: '20261122T0600Z', task: 'climb', at: Date.now() },
    ...{ state: 'refused', code: 'state.conflict', reason: 'It is held.' },
  })
  const refused = await waiting.ended
  assert.deepEqual([refused.code, refused.out], [1, `${request}  refused  state.conflict  It is held.\n`])

  assert.equal((await seneschal('drop')).code, 0)
  assert.match((await seneschal('whoami')).out, /read-only/)
  assert.match((await seneschal('hold', task)).err, /\[elevation\.required\]/)

  assert.equal((await seneschal('logout')).code, 0)
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { v: 1, last: null, hubs: {} })
  assert.equal((await hub.audited('session.signed-out')).length, 1)
})

test('a session file that others may read, a hub in the open, and one that answers nonsense are refused', async (t) => {
  const { hub, origin, home, start, seneschal } = await begin(t)
  await confirm(hub, start(['login', origin]), 'mel')
  chmodSync(join(home, '.config/seneschal/sessions.json'), 0o644)
  assert.match((await seneschal('whoami')).err, /Others can read .* \[config\.invalid\]/)
  for (const address of ['http://hub.example', 'ftp://hub.example', 'https://hub.example/path', 'hub'])
    assert.match((await seneschal('login', address)).err, /is not a hub's address.*\[usage\]/)
  const other = createServer((socket) => socket.end('SSH-2.0-x\r\n')).listen(0, '127.0.0.1')
  await new Promise((resolve) => other.once('listening', resolve))
  const { port } = other.address() as { readonly port: number }
  chmodSync(join(home, '.config/seneschal/sessions.json'), 0o600)
  assert.match((await seneschal('login', `http://127.0.0.1:${port}`)).err, /\[lost\.connection\]/)
  other.close()
})
