/** The fleet as administrators see and handle it, over HTTP. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { type TestContext, test } from 'node:test'
import { createLog } from '../../hub/log.ts'
import { createCondemned } from '../../hub/servers/condemned.ts'
import { createHostHistory } from '../../hub/servers/host-history.ts'
import { openStore } from '../../hub/store/open.ts'
import { hostsBody, serversBody } from '../../protocol/fleet.ts'
import type { HostView, Spawner } from '../../spawners/contract.ts'
import { codeOf } from '../harness/code-of.ts'
import { origin, startTestHub, type TestHub } from '../harness/hub.ts'
import { until } from '../harness/until.ts'
import type { Visitor } from '../harness/visitor.ts'

const account = 'atmosphere_stage'
const log = createLog({ logLevel: 'silent', name: 'test' })

/** Follows what the account's server does, until the returned function is called. */
const look = async (h: TestHub, visitor: Visitor): Promise<() => void> => {
  const path = `/api/accounts/${account}/server/progress`
  const headers = { host: 'hub.test', cookie: visitor.cookieHeader(new URL(path, origin)) }
  const request = get({ port: h.port, host: '127.0.0.1', path, headers, agent: false })
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  assert.equal(answer.statusCode, 200)
  answer.resume().on('error', () => undefined)
  return () => request.destroy()
}

const start = async (t: TestContext) => {
  const h = await startTestHub(t)
  const admin = await h.signIn('admin')
  await h.raise(admin, 'write')
  const host = async (name: string) => {
    const { hosts } = hostsBody.parse((await admin.ask('GET', '/api/admin/hosts')).body)
    return hosts.find((one) => one.host === name) ?? assert.fail(name)
  }
  const server = async () => {
    const { servers } = serversBody.parse((await admin.ask('GET', '/api/admin/servers')).body)
    return servers.find(({ row }) => row.account === account)
  }
  const condemn = async (name: string) => {
    const answer = await admin.change('POST', `/api/admin/hosts/${name}/condemned`, { reason: 'new disks' })
    assert.equal(answer.status, 204, answer.text)
  }
  const migrate = (name: string, which: string) =>
    admin.change('POST', `/api/admin/hosts/${name}/migrate`, { which })
  return { ...h, admin, host, server, condemn, migrate }
}

test('a host that is condemned takes nothing new, its servers move, and their viewers come along', async (t) => {
  const h = await start(t)
  const jacintar = await h.signIn('jacintar')
  assert.equal((await jacintar.change('POST', `/api/accounts/${account}/server`)).status, 202)
  await until(async () => (await h.server())?.row.state === 'on')
  const leave = await look(h, jacintar)
  assert.equal((await h.host('here')).servers, 1)

  assert.equal(codeOf(await h.migrate('here', 'all')), 'host.not-condemned')
  await h.condemn('here')
  assert.partialDeepStrictEqual(await h.host('here'), {
    condemned: { reason: 'new disks', by: 'admin' },
    servers: 1,
  })
  assert.deepEqual((await h.migrate('here', 'all')).body, { servers: 1 })
  await until(async () => (await h.host('here')).migration?.moved === 1)
  assert.partialDeepStrictEqual(await h.host('here'), { servers: 0, migration: { left: 0, code: null } })
  assert.partialDeepStrictEqual((await h.server())?.row, { state: 'on', host: 'there' })
  leave()

  assert.equal((await h.admin.change('DELETE', '/api/admin/hosts/here/condemned')).status, 204)
  assert.equal((await h.host('here')).condemned, null)
  assert.deepEqual([...h.spawner.condemned], [])
  assert.equal(
    codeOf(await h.admin.change('DELETE', '/api/admin/hosts/here/condemned')),
    'host.not-condemned',
  )
  const said = (await h.audited()).map(({ sentence }) => sentence)
  for (const sentence of [
    /admin condemned here/,
    /admin moved all servers away from here/,
    /admin restored here/,
  ])
    assert.ok(
      said.some((one) => sentence.test(one)),
      `${sentence}\n${said.join('\n')}`,
    )
})

test('without room elsewhere a migration stops at the first server, and the others stay', async (t) => {
  const h = await start(t)
  assert.equal((await h.admin.change('POST', `/api/admin/servers/${account}`)).status, 202)
  await until(async () => (await h.server())?.row.state === 'on')
  const jacintar = await h.signIn('jacintar')
  t.after(await look(h, jacintar))
  await h.condemn('here')
  await h.condemn('there')
  await h.migrate('here', 'all')
  await until(async () => (await h.host('here')).migration?.code === 'host.condemned', 10_000)
  assert.partialDeepStrictEqual((await h.server())?.row, { state: 'failed', code: 'host.condemned' })
})

test('who looks is named, and a server’s own last lines are read', async (t) => {
  const h = await start(t)
  await h.admin.change('POST', `/api/admin/servers/${account}`)
  await until(async () => (await h.server())?.row.state === 'on')
  assert.deepEqual((await h.admin.ask('GET', `/api/admin/servers/${account}/log`)).body, {
    lines: ['It came up.', 'It serves.'],
  })
  assert.deepEqual((await h.server())?.viewers, [])
  const leave = await look(h, await h.signIn('jacintar'))
  assert.deepEqual((await h.server())?.viewers, ['jacintar'])
  leave()
  await until(async () => (await h.server())?.viewers.length === 0)
})

test('unknown hosts, accounts and words are refused, and so is everybody without role and privilege', async (t) => {
  const h = await start(t)
  for (const name of ['nowhere', '..%2fetc', '%20'])
    assert.equal(
      codeOf(await h.admin.change('POST', `/api/admin/hosts/${name}/condemned`, { reason: 'x' })),
      'host.unknown',
      name,
    )
  assert.equal(codeOf(await h.admin.change('POST', '/api/admin/servers/nobody')), 'account.unknown')
  assert.equal(codeOf(await h.admin.ask('GET', '/api/admin/servers/nobody/log')), 'account.unknown')
  for (const [path, body] of [
    ['/api/admin/hosts/here/condemned', {}],
    ['/api/admin/hosts/here/condemned', { reason: '' }],
    ['/api/admin/hosts/here/condemned', { reason: 'x', until: 1 }],
    ['/api/admin/hosts/here/migrate', { which: 'some' }],
  ] as const) {
    if (path.endsWith('migrate')) await h.condemn('here')
    assert.equal(codeOf(await h.admin.change('POST', path, body)), 'input.invalid', JSON.stringify(body))
  }
  const lowered = await h.signIn('admin')
  const owner = await h.signIn('jacintar')
  await h.raise(owner, 'write')
  for (const visitor of [lowered, owner])
    for (const path of ['/api/admin/hosts', '/api/admin/servers', `/api/admin/servers/${account}/log`])
      assert.equal((await visitor.ask('GET', path)).status, 403, path)
  assert.equal((await owner.change('DELETE', '/api/admin/hosts/here/condemned')).status, 403)
  assert.notEqual((await h.host('here')).condemned, null)
})

test('what is condemned stays so over a restart, and another replica learns of it', async (t) => {
  const { db, close } = await openStore(':memory:')
  t.after(close)
  const one = await createCondemned({ db, now: () => 5, log })
  t.after(one.close)
  await one.condemn('n1', { reason: 'disks', by: 'admin' })
  await one.condemn('n1', { reason: 'more disks', by: 'mel' })
  const other = await createCondemned({ db, now: () => 6, log })
  t.after(other.close)
  assert.deepEqual(other.list(), [{ host: 'n1', reason: 'more disks', by: 'mel', at: 5 }])
  let changes = 0
  one.onChange(() => {
    changes += 1
  })
  await other.restore('n1')
  await until(() => changes === 1, 15_000)
  assert.deepEqual(one.list(), [])
})

test('the curve of a host has a hole where nobody measured, and forgets what is old', async () => {
  let now = 100 * 300_000
  let load: number | undefined = 2
  const view = (): HostView => ({
    ...{ host: 'n1', labels: [], condemned: false, downUntil: null },
    measured:
      load === undefined
        ? null
        : {
            load: [load, 0, 0],
            cores: 4,
            memory: { total: 100, available: 25 },
            sessions: 0,
            at: now,
          },
  })
  const asked: string[][] = []
  const spawner = {
    sample: async (accountsOn) => {
      asked.push([...accountsOn('n1')])
    },
    hosts: () => [view()],
  } satisfies Pick<Spawner, 'sample' | 'hosts'>
  const rows = [
    { account: 'clouds', host: 'n1' },
    { account: 'waves', host: 'n2' },
  ]
  const history = createHostHistory({
    spawners: () => [spawner as unknown as Spawner],
    servers: { list: () => rows as never },
    now: () => now,
    log,
  })
  await history.sample()
  load = 4
  await history.sample()
  now += 300_000
  load = undefined
  await history.sample()
  now += 300_000
  load = 1
  await history.sample()
  history.close()
  const { load: curve, memory, every } = history.of('n1')
  assert.equal(every, 300_000)
  assert.equal(curve.length, 72)
  assert.deepEqual(curve.slice(-4), [null, 0.75, null, 0.25])
  assert.deepEqual(memory.slice(-3), [0.75, null, 0.75])
  assert.deepEqual(asked[0], ['clouds'])
  now += 72 * 300_000
  assert.deepEqual(new Set(history.of('n1').load), new Set([null]))
})
