import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainAllBody, explainBody } from '../../protocol/api.ts'
import { permissionActions } from '../../protocol/permissions.ts'
import { codeOf } from '../harness/code-of.ts'
import { defaultPermissions, startServing } from '../harness/serving.ts'

const path = (query: Record<string, string>) =>
  `/api/explain?${new URLSearchParams({ account: 'atmosphere_stage', action: 'hold', ...query })}`

test('a person learns why they may or may not, and what raising would change', async (t) => {
  const hub = await startServing(t)
  const jacintar = await hub.signIn('jacintar')
  const may = explainBody.parse((await jacintar.get(path({ workflow: 'clouds' }))).body)
  assert.deepEqual(
    [may.person, may.allowed, may.layer, may.rule, may.principal, may.elevation],
    ['jacintar', true, 'site', 'execute', 'everyone', 'execute'],
  )
  const mayNot = explainBody.parse((await jacintar.get(path({ action: 'edit' }))).body)
  assert.deepEqual([mayNot.allowed, mayNot.layer, mayNot.workflow], [false, null, null])
  assert.notEqual(mayNot.reason, '')
})

test('about others only owners and administrators may ask, and it is recorded', async (t) => {
  const hub = await startServing(t)
  await hub.signIn('mel', ['oidc/ops'])
  const jacintar = await hub.signIn('jacintar')
  const owner = await hub.signIn('owner')
  const admin = await hub.signIn('admin')
  assert.equal(codeOf(await jacintar.get(path({ person: 'mel' }))), 'explain.forbidden')
  assert.equal(codeOf(await owner.get(path({ person: 'mel', account: 'oceans_stage' }))), 'explain.forbidden')
  assert.equal(codeOf(await admin.get(path({ person: 'stranger' }))), 'explain.forbidden')

  const byOwner = explainBody.parse(
    (await owner.get(path({ person: 'mel', workflow: 'secret', action: 'view' }))).body,
  )
  assert.deepEqual(
    [byOwner.allowed, byOwner.layer, byOwner.file, byOwner.line],
    [false, 'workflow', 'secret.yaml', 3],
  )
  const byAdmin = explainBody.parse((await admin.get(path({ person: 'mel', account: 'oceans_stage' }))).body)
  assert.equal(byAdmin.allowed, true)
  const { records } = hub.audit.search({ limit: 10, visible: () => true, event: 'explain.asked' })
  assert.deepEqual(
    records.map(({ sentence }) => sentence),
    [
      'User admin asked what is allowed oceans_stage about mel and hold',
      'User owner asked what is allowed atmosphere_stage.secret about mel and view',
    ],
  )
})

test('nonsense gets the same answer as what is hidden', async (t) => {
  const hub = await startServing(t)
  const jacintar = await hub.signIn('jacintar')
  for (const query of [
    { action: 'dance' },
    { account: '../etc' },
    { workflow: 'a b' },
    { person: '\u0000' },
    { account: '__proto__' },
    { workflow: '__proto__' },
  ])
    assert.equal(codeOf(await jacintar.get(path(query as never))), 'explain.forbidden', JSON.stringify(query))
})

test('everything at once: the same answers as one by one, and one record about somebody else', async (t) => {
  const hub = await startServing(t)
  await hub.signIn('mel', ['oidc/ops'])
  const jacintar = await hub.signIn('jacintar')
  const owner = await hub.signIn('owner')
  const all = (query: Record<string, string>) =>
    `/api/explain/all?${new URLSearchParams({ account: 'atmosphere_stage', workflow: 'clouds', ...query })}`
  const told = explainAllBody.parse((await jacintar.get(all({}))).body).answers
  assert.deepEqual(
    told.map(({ action }) => action),
    permissionActions,
  )
  for (const answer of told)
    assert.deepEqual(
      explainBody.parse((await jacintar.get(path({ workflow: 'clouds', action: answer.action }))).body),
      answer,
    )
  assert.equal(codeOf(await jacintar.get(all({ person: 'mel' }))), 'explain.forbidden')
  assert.equal(codeOf(await jacintar.get(all({ workflow: 'secret' }))), 'explain.forbidden')
  const about = explainAllBody.parse((await owner.get(all({ person: 'mel' }))).body).answers
  assert.ok(about.every(({ person }) => person === 'mel'))
  const { records } = hub.audit.search({ limit: 10, visible: () => true, event: 'explain.asked' })
  assert.deepEqual(
    records.map(({ sentence }) => sentence),
    ['User owner asked what is allowed atmosphere_stage.clouds about mel and everything'],
  )
})

test('a refused action says which rule refuses it, and where that stands', async (t) => {
  const hub = await startServing(t, {
    permissions: {
      ...defaultPermissions,
      site: {
        rules: { read: ['everyone'], execute: ['user:owner'] },
        source: { file: 'site.yaml', lines: { execute: 3 } },
      },
    },
  })
  await hub.open('atmosphere_stage')
  const jacintar = await hub.raise(await hub.signIn('jacintar'), 'execute')
  const answer = await jacintar.send('POST', '/api/accounts/atmosphere_stage/actions/hold', {
    workflow: 'clouds',
    args: {},
  })
  assert.equal(codeOf(answer), 'permission.denied')
  assert.match(answer.text, /not to jacintar\. The rule stands in site\.yaml, line 3\./)
  assert.doesNotMatch(answer.text, /user:owner/)
})
