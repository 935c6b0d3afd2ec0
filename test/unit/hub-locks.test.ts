/** Locks that administrators set at the hub: in force there at once, and told to the daemons. */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { locksBody } from '../../protocol/api.ts'
import { lock, lockOrderClaims } from '../../protocol/locks.ts'
import { codeOf } from '../harness/code-of.ts'
import { permissions, startTestHub, type TestHub } from '../harness/hub.ts'
import { until } from '../harness/until.ts'
import type { Visitor } from '../harness/visitor.ts'

const path = '/api/admin/locks'

const raisedAdmin = async (h: TestHub): Promise<Visitor> => {
  const admin = await h.signIn('admin')
  await h.raise(admin, 'write')
  return admin
}
const start = async (t: TestContext) => {
  const h = await startTestHub(t)
  const inbox = join(h.dir, 'site/requests/1_inbox')
  await mkdir(join(h.dir, 'site/requests/0_temp'), { recursive: true })
  await mkdir(inbox)
  const admin = await raisedAdmin(h)
  const set = async (on: object, more: object = {}) => {
    const answer = await admin.change('POST', path, { on, reason: 'left the site', ...more })
    assert.equal(answer.status, 201, answer.text)
    return lock.parse(answer.body)
  }
  const list = async () => locksBody.parse((await admin.ask('GET', path)).body)
  /** The orders that lie in the daemon's inbox, as a daemon would believe them. */
  const orders = async () => {
    const keys = createLocalJWKSet((await (await admin.ask('GET', '/.well-known/jwks.json')).body) as never)
    const found = []
    for (const name of await readdir(inbox)) {
      const { order } = JSON.parse(await readFile(join(inbox, name), 'utf8')) as { readonly order: string }
      const { payload } = await jwtVerify(order, keys, { typ: 'seneschal-locks+jwt' })
      found.push(lockOrderClaims.parse(payload))
    }
    return found.toSorted((one, other) => one.version - other.version)
  }
  return { ...h, admin, set, list, orders }
}

test('a lock on a person shuts their sockets within a second, and a lift lets them in again', async (t) => {
  const h = await start(t)
  const mel = await h.signIn('mel')
  const other = await h.signIn('jacintar')
  const [socket, bystander] = [await mel.socket('/api/audit/stream'), await other.socket('/api/audit/stream')]
  const began = performance.now()
  const made = await h.set({ kind: 'person', name: 'mel' })
  assert.equal(await socket.closed, 4003)
  assert.ok(performance.now() - began < 1000)
  assert.equal(codeOf(await mel.ask('GET', '/api/accounts')), 'lock.held')
  assert.equal(bystander.socket.readyState, bystander.socket.OPEN)
  bystander.socket.terminate()
  assert.equal((await h.admin.change('DELETE', `${path}/${made.id}`)).status, 204)
  assert.equal((await mel.ask('GET', '/api/accounts')).status, 200)
  const said = (await h.audited()).map(({ sentence }) => sentence)
  assert.ok(
    said.some((sentence) => /admin locked person mel/.test(sentence)),
    said.join('\n'),
  )
  assert.ok(said.some((sentence) => /admin unlocked person mel/.test(sentence)))
})

test('a lock on an account refuses every action there, and viewing, whoever it is', async (t) => {
  const h = await start(t)
  const browser = await h.signIn('jacintar')
  await h.raise(browser)
  await h.set({ kind: 'account', name: 'atmosphere_stage' })
  const stop = await browser.change('POST', '/api/accounts/atmosphere_stage/actions/stop', {
    workflow: 'clouds',
    args: {},
  })
  assert.ok(stop.status === 403 || stop.status === 404, stop.text)
})

test('the daemon is told in an order that it can believe, and told until it says that it knows', async (t) => {
  const h = await start(t)
  const made = await h.set({ kind: 'host', name: 'login1' }, { minutes: 30 })
  await until(async () => (await h.orders()).length === 1)
  const [order] = await h.orders()
  assert.equal(order?.aud, h.config.site)
  assert.deepEqual(order?.locks, [made])
  assert.deepEqual((await h.list()).daemons, [{ daemon: 'main', current: false }])
  await h.permissions({
    ...permissions({ version: 2 }),
    lockOrders: { [h.config.publicUrl]: order?.version ?? 0 },
  })
  await until(async () => (await h.list()).daemons[0]?.current === true)
  await h.admin.change('DELETE', `${path}/${made.id}`)
  await until(async () => (await h.orders()).length === 2)
  const [, next] = await h.orders()
  assert.deepEqual(next?.locks, [])
  assert.ok((next?.version ?? 0) > (order?.version ?? 0))
})

test('a lock with an end ends by itself, at the hub too', async (t) => {
  const h = await start(t)
  const mel = await h.signIn('mel')
  await h.set({ kind: 'person', name: 'mel' }, { minutes: 1 })
  assert.equal(codeOf(await mel.ask('GET', '/api/accounts')), 'lock.held')
  assert.equal((await h.list()).locks.length, 1)
  h.shift(61_000)
  assert.equal((await h.list()).locks.length, 0)
  await until(async () => (await mel.ask('GET', '/api/accounts')).status === 200)
  assert.equal((await mel.ask('GET', '/api/accounts')).status, 200)
})

test('nobody but a raised administrator sets, sees or lifts locks', async (t) => {
  const h = await startTestHub(t)
  const body = { on: { kind: 'person', name: 'mel' }, reason: 'x' }
  const other = await h.signIn('jacintar')
  await h.raise(other)
  assert.equal(codeOf(await other.change('POST', path, body)), 'permission.denied')
  assert.equal(codeOf(await other.ask('GET', path)), 'permission.denied')
  const admin = await h.signIn('admin')
  assert.equal(codeOf(await admin.change('POST', path, body)), 'elevation.required')
  await h.raise(admin, 'execute')
  assert.equal(codeOf(await admin.change('POST', path, body)), 'elevation.required')
})

test('whoever would lock themself out has to say that they mean it', async (t) => {
  const h = await start(t)
  const body = { on: { kind: 'person', name: 'admin' }, reason: 'a slip' }
  assert.equal(codeOf(await h.admin.change('POST', path, body)), 'lock.own')
  assert.equal((await h.admin.change('POST', path, { ...body, sure: true })).status, 201)
  assert.equal(codeOf(await h.admin.ask('GET', path)), 'lock.held')
})

test('what is no lock is refused', async (t) => {
  const h = await start(t)
  const on = { kind: 'person', name: 'mel' }
  for (const body of [
    { on },
    { on, reason: '' },
    { on: { kind: 'root', name: 'mel' }, reason: 'x' },
    { on: { kind: 'account', name: '../etc' }, reason: 'x' },
    { on: { kind: 'host', name: '-oProxyCommand=id' }, reason: 'x' },
    { on: { ...on, more: 1 }, reason: 'x' },
    { on, reason: 'x', minutes: 0 },
    { on, reason: 'x', until: 5 },
  ])
    assert.equal(codeOf(await h.admin.change('POST', path, body)), 'input.invalid', JSON.stringify(body))
  assert.equal(codeOf(await h.admin.change('DELETE', `${path}/0123456789abcdef`)), 'lock.unknown')
  for (let index = 0; index < 100; index += 1) await h.set({ kind: 'host', name: `n${index}` })
  assert.equal(codeOf(await h.admin.change('POST', path, { on, reason: 'x' })), 'lock.too-many')
})
