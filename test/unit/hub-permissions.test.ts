/** The permissions of an account as owners see them at the hub, and what others would change. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type LayerRow, layerBody, layerKey, layerPreview } from '../../protocol/layers.ts'
import { codeOf } from '../harness/code-of.ts'
import { permissions, startTestHub } from '../harness/hub.ts'
import { layer } from '../harness/site-feed.ts'
import { until } from '../harness/until.ts'
import type { Visitor } from '../harness/visitor.ts'

const account = 'atmosphere_stage'
const path = `/api/accounts/${account}/permissions`

const version = (number: number, text: string | null, over: Partial<LayerRow> = {}): LayerRow => ({
  account,
  workflow: null,
  version: number,
  at: number * 1000,
  origin: 'file',
  person: null,
  request: null,
  from: null,
  text,
  ...over,
})

const start = async (t: TestContext) => {
  const hub = await startTestHub(t)
  const put = (row: LayerRow) => hub.feed.put('layer', layerKey(row), row)
  await put(version(1, 'execute: [everyone]\n'))
  await put(version(2, 'execute: [owner]', { origin: 'request', person: 'jacintar' }))
  await put(version(1, 'kill: []\n', { workflow: 'clouds' }))
  await hub.permissions(
    permissions({
      version: 2,
      site: layer({ read: ['everyone'], execute: ['everyone'] }),
      limits: layer({}),
      accounts: {
        [account]: {
          owners: ['user:jacintar'],
          cli: 'refuse',
          layer: layer({ execute: ['owner'] }),
          workflows: { clouds: layer({ kill: [] }) },
        },
      },
    }),
  )
  const owner = await hub.signIn('jacintar')
  await until(async () => (await owner.ask('GET', path)).text.includes('"version":2'))
  const preview = async (by: Visitor, body: unknown) => by.change('POST', `${path}/preview`, body)
  return { ...hub, owner, put, preview }
}

test('an owner sees what is in force, what the file says otherwise, and who changed it when', async (t) => {
  const hub = await start(t)
  const body = layerBody.parse((await hub.owner.ask('GET', path)).body)
  assert.deepEqual(
    {
      ...body,
      versions: body.versions.map(({ version: number, origin, person }) => [number, origin, person]),
    },
    {
      ...{ account, workflow: null, version: 2, text: 'execute: [owner]', file: 1, mayChange: true },
      versions: [
        [2, 'request', 'jacintar'],
        [1, 'file', null],
      ],
    },
  )
  const clouds = layerBody.parse((await hub.owner.ask('GET', `${path}?workflow=clouds`)).body)
  assert.deepEqual([clouds.version, clouds.text, clouds.file], [1, 'kill: []\n', null])
  await hub.feed.drop('layer', layerKey(version(1, null)))
  await until(async () => layerBody.parse((await hub.owner.ask('GET', path)).body).versions.length === 1)
})

test('a preview says who gains and who loses, of rules and of persons, and changes nothing', async (t) => {
  const hub = await start(t)
  await hub.signIn('mel')
  const answer = await hub.preview(hub.owner, { text: 'execute: [owner, "user:mel"]\nread: [owner]' })
  assert.equal(answer.status, 200, answer.text)
  const told = layerPreview.parse(answer.body)
  assert.equal(told.base, 2)
  const of = (who: string, workflow: string | null) =>
    told.changes.find((change) => change.who === who && change.workflow === workflow)
  assert.deepEqual(of('everyone', null)?.loses.slice(0, 2), ['view', 'logs'])
  assert.deepEqual(of('everyone', null)?.gains, [])
  // Who may not see it may do nothing with it.
  assert.deepEqual(of('user:mel', null), undefined, 'the same as everybody')
  assert.equal(of('user:jacintar', null), undefined)

  const wider = layerPreview.parse(
    (await hub.preview(hub.owner, { text: 'execute: [owner, "user:mel"]' })).body,
  )
  const [first] = wider.changes
  assert.deepEqual([first?.who, first?.workflow, first?.loses], ['user:mel', null, []])
  assert.ok(first?.gains.includes('kill'))
  const inClouds = wider.changes.find(({ workflow }) => workflow === 'clouds')
  assert.equal(inClouds?.gains.includes('kill'), false, 'a rule of the workflow’s own says otherwise')
  const back = layerPreview.parse((await hub.preview(hub.owner, { restore: 1 })).body)
  assert.deepEqual([back.text, back.changes[0]?.who], ['execute: [everyone]\n', 'everyone'])
  assert.equal(layerBody.parse((await hub.owner.ask('GET', path)).body).version, 2)
  assert.equal((await hub.audited()).filter(({ event }) => event.startsWith('action')).length, 0)
})

test('what is not right is told with its place, and what is not there by its name', async (t) => {
  const hub = await start(t)
  const refused = async (body: unknown) => {
    const answer = await hub.preview(hub.owner, body)
    return [answer.status, codeOf(answer)]
  }
  const wrong = await hub.preview(hub.owner, { text: 'read: [owner]\nexcute: [owner]' })
  assert.equal(codeOf(wrong), 'permissions.invalid')
  assert.match(wrong.text, /permissions:2:1: unknown key excute/)
  assert.deepEqual(await refused({ restore: 9 }), [404, 'permissions.unknown'])
  for (const body of [
    {},
    { text: '', restore: 1 },
    { text: 'x'.repeat(8000) },
    { text: 1 },
    { more: 1, text: '' },
  ])
    assert.deepEqual(await refused(body), [400, 'input.invalid'], JSON.stringify(body))
})

test('everybody else gets the answer of an account that is not there', async (t) => {
  const hub = await start(t)
  const mel = await hub.signIn('mel')
  const shape = ({ status, text }: { readonly status: number; readonly text: string }) => [
    status,
    text.replace(/"request":"[^"]*"/, ''),
  ]
  const absent = shape(await hub.owner.ask('GET', '/api/accounts/nowhere/permissions'))
  for (const query of ['', '?workflow=clouds', '?workflow=nothing', '?workflow=..%2f', '?workflow=__proto__'])
    assert.deepEqual(shape(await mel.ask('GET', path + query)), absent, query)
  assert.deepEqual(shape(await hub.owner.ask('GET', `${path}?workflow=nothing`)), absent)
  for (const body of [{ text: 'read: [' }, { text: '' }, { restore: 9 }, 'nonsense'])
    assert.deepEqual(shape(await hub.preview(mel, body)), absent)
})

test('administrators may look and change, whoever owns the account', async (t) => {
  const hub = await start(t)
  const admin = await hub.signIn('admin')
  assert.equal(layerBody.parse((await admin.ask('GET', path)).body).mayChange, true)
  assert.equal((await hub.preview(admin, { text: '' })).status, 200)
})

test('auditors look, and neither try out nor change', async (t) => {
  const hub = await start(t)
  await hub.permissions(
    permissions({
      version: 3,
      roles: { admin: [], auditor: ['user:mel'], developer: [] },
      accounts: { [account]: { owners: ['user:jacintar'], cli: 'refuse', workflows: {} } },
    }),
  )
  const auditor = await hub.signIn('mel')
  assert.equal(layerBody.parse((await auditor.ask('GET', path)).body).mayChange, false)
  assert.equal(codeOf(await hub.preview(auditor, { text: '' })), 'permission.denied')
  await hub.raise(auditor, 'write')
  const body = { args: { text: 'kill: ["user:mel"]\n', base: 2 } }
  const answer = await auditor.change('POST', `/api/accounts/${account}/actions/permissions`, body)
  assert.equal(codeOf(answer), 'permission.denied')
})

test('an account with very many rules is compared as far as that takes a second, and the rest is said to be left', async (t) => {
  const hub = await start(t)
  const lists = Array.from({ length: 290 }, (_, index) => `user:p${index}`)
  const workflows = Object.fromEntries(
    Array.from({ length: 200 }, (_, index) => [`w${index}`, layer({ kill: ['owner', `user:q${index}`] })]),
  )
  await hub.permissions(
    permissions({
      version: 3,
      site: layer({ read: ['everyone'], execute: ['everyone', ...lists] }),
      limits: layer({}),
      accounts: { [account]: { owners: ['user:jacintar'], cli: 'refuse', workflows } },
    }),
  )
  let told = layerPreview.parse((await hub.preview(hub.owner, { text: 'execute: [owner]' })).body)
  await until(async () => {
    told = layerPreview.parse((await hub.preview(hub.owner, { text: 'execute: [owner]' })).body)
    return told.more > 0
  }, 20_000)
  assert.ok(told.changes.length > 0 && told.changes.length <= 500)
  // Meanwhile others are answered.
  const slow = hub.preview(hub.owner, { text: 'read: [owner]' })
  const began = performance.now()
  await hub.owner.ask('GET', '/healthz')
  assert.ok(performance.now() - began < 1000)
  await slow
})
