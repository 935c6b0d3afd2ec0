/** What of a hub over two daemons depends on which of them an account belongs to. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { decodeJwt } from 'jose'
import { accountsBody, auditBody, handOver } from '../../protocol/api.ts'
import { daemonRecord } from '../harness/audit-record.ts'
import { send } from '../harness/http.ts'
import { permissions, startTestHub } from '../harness/hub.ts'
import { accountRow, siteFeed, summaryRow } from '../harness/site-feed.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const accounts = ['atmosphere_stage', 'oceans_stage'] as const

/** `main` runs one account; `south`, with a directory and a site of its own, the other. */
const overTwo = async (t: TestContext) => {
  const dir = await temporaryDirectory(t)
  const granted: { readonly account: unknown; readonly aud: unknown }[] = []
  const south = await siteFeed(t, join(dir, 'south'))
  await south.put('account', 'oceans_stage', accountRow('oceans_stage'))
  await south.put('summary', 'oceans_stage/waves', summaryRow('oceans_stage', 'waves', { at: 2 }))
  await south.permissions(
    permissions({ version: 3, accounts: { oceans_stage: { owners: [], cli: 'refuse', workflows: {} } } }),
  )
  await south.heartbeat(Date.now())
  const hub = await startTestHub(t, {
    dir,
    config: {
      daemons: [
        { name: 'main', directory: join(dir, 'site'), accounts: ['atmosphere_stage'] },
        { name: 'south', directory: join(dir, 'south'), site: 'test.south', accounts: ['oceans_stage'] },
      ],
    },
    answer: async (request, response) => {
      let text = ''
      for await (const chunk of request) text += chunk
      const { aud, request: asked } = decodeJwt(handOver.parse(JSON.parse(text)).grant)
      granted.push({ account: (asked as { readonly account: string }).account, aud })
      response.writeHead(202).end()
    },
  })
  return { dir, hub, south, granted }
}

test('a grant is for the daemon of its account, and its server is told of that one’s directories', async (t) => {
  const { dir, hub, granted } = await overTwo(t)
  const jacintar = await hub.signIn('jacintar')
  await hub.raise(jacintar, 'execute')
  for (const account of accounts) {
    const body = { workflow: account === 'oceans_stage' ? 'waves' : 'clouds' }
    const answer = await jacintar.change('POST', `/api/accounts/${account}/actions/pause`, body)
    assert.equal(answer.status, 202, answer.text)
  }
  assert.deepEqual(granted, [
    { account: 'atmosphere_stage', aud: 'test' },
    { account: 'oceans_stage', aud: 'test.south' },
  ])
  assert.deepEqual(
    hub.spawner.starts.map(({ site }) => site.feed),
    [join(dir, 'site/feed/atmosphere_stage'), join(dir, 'south/feed/oceans_stage')],
  )
})

test('accounts and audit are those of both; the one that falls silent is named', async (t) => {
  const { hub, south } = await overTwo(t)
  await hub.feed.put('audit', 'daemon/main#1', daemonRecord(1))
  await south.put(
    'audit',
    'daemon/south#1',
    daemonRecord(1, {
      writer: 'daemon/south',
      account: 'oceans_stage',
      workflow: 'waves',
      sentence: 'South did',
    }),
  )
  const jacintar = await hub.signIn('jacintar')
  const list = async () => accountsBody.parse((await jacintar.ask('GET', '/api/accounts')).body)
  assert.deepEqual((await list()).accounts.map(({ account }) => [account.account, account.daemon]).sort(), [
    ['atmosphere_stage', 'main'],
    ['oceans_stage', 'south'],
  ])
  const writers = async () =>
    auditBody
      .parse((await jacintar.ask('GET', '/api/audit?event=action.done')).body)
      .records.map(({ writer }) => writer)
      .sort()
  await until(async () => (await writers()).length === 2)
  assert.deepEqual(await writers(), ['daemon/main', 'daemon/south'])

  hub.shift(9000)
  await hub.feed.heartbeat(Date.now() + 9000)
  await until(async () => (await list()).daemons.some(({ silent }) => silent))
  await until(async () => (await list()).daemons.filter(({ silent }) => silent).length === 1)
  assert.deepEqual((await list()).daemons.map(({ daemon, silent }) => [daemon, silent]).sort(), [
    ['main', false],
    ['south', true],
  ])
  const { text } = await send(hub.port, 'GET', '/metrics', { host: 'hub.test' })
  assert.match(text, /^seneschal_hub_daemons\{state="heard"\} 1$/m)
  assert.match(text, /^seneschal_hub_daemons\{state="silent"\} 1$/m)
})

test('a hub whose first daemon was never heard of is ready, and shows what the other one runs', async (t) => {
  const dir = await temporaryDirectory(t)
  const hub = await startTestHub(t, {
    dir,
    config: {
      daemons: [
        { name: 'away', directory: join(dir, 'away'), site: 'test.away', accounts: ['ice_stage'] },
        { name: 'main', directory: join(dir, 'site'), accounts: ['atmosphere_stage'] },
      ],
    },
  })
  assert.equal((await send(hub.port, 'GET', '/readyz', { host: 'hub.test' })).status, 200)
  const jacintar = await hub.signIn('jacintar')
  const { accounts: seen, daemons } = accountsBody.parse((await jacintar.ask('GET', '/api/accounts')).body)
  assert.deepEqual(
    seen.map(({ account }) => account.account),
    ['atmosphere_stage'],
  )
  assert.partialDeepStrictEqual(
    daemons.find(({ daemon }) => daemon === 'away'),
    { silent: true, at: 0 },
  )
})
