/** The code that lets somebody in without the provider: used twice, late, at another hub, changed, for a locked person. */
import assert from 'node:assert/strict'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openStore } from '../../hub/store/open.ts'
import { bring, setUpHost } from '../harness/break-glass.ts'
import { codeOf } from '../harness/code-of.ts'
import { permissions, startTestHub } from '../harness/hub.ts'
import { until } from '../harness/until.ts'

test('a code lets one browser in, once, whoever is faster', async (t) => {
  const h = await startTestHub(t)
  const host = await setUpHost(t, h)
  await h.signIn('mel')
  const code = await host.order('mel')
  const answers = await Promise.all([1, 2, 3, 4].map(() => bring(h.visitor(), code)))
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [204, 403, 403, 403])
  assert.equal(codeOf(await bring(h.visitor(), code)), 'break-glass.code-invalid')
  assert.equal((await h.audited('break-glass.used')).length, 1)
  assert.equal((await h.audited('break-glass.refused')).length, 4)
})

test('a code after its five minutes, a guess and none are refused', async (t) => {
  const h = await startTestHub(t)
  const host = await setUpHost(t, h)
  await h.signIn('mel')
  const code = await host.order('mel')
  for (const guess of ['', 'a'.repeat(26), code.toUpperCase(), `${code} `])
    assert.equal(codeOf(await bring(h.visitor(), guess)), 'break-glass.code-invalid')
  h.shift(5 * 60_000)
  assert.equal(codeOf(await bring(h.visitor(), code)), 'break-glass.code-invalid')
})

test('the order of one hub is none at another, though it has the same sealed key', async (t) => {
  const one = await startTestHub(t)
  const host = await setUpHost(t, one)
  await one.signIn('mel')
  const code = await host.order('mel', 15, { hub: 'https://hub.test' })
  const other = await startTestHub(t, { at: { origin: 'https://other.test', port: 0 } })
  await other.signIn('mel')
  await copyFile(join(one.config.keys, 'break-glass.key'), join(other.config.keys, 'break-glass.key'))
  const store = await openStore(other.config.database)
  t.after(() => store.close())
  const row = await host.db.selectFrom('break_glass').selectAll().executeTakeFirstOrThrow()
  await store.db.insertInto('break_glass').values(row).execute()
  assert.equal(codeOf(await bring(other.visitor(), code)), 'break-glass.code-invalid')
  assert.deepEqual(await other.audited('break-glass.used'), [])
})

test('an order that was changed in the database, or that another key signed, is refused and told', async (t) => {
  const h = await startTestHub(t)
  const host = await setUpHost(t, h)
  await h.signIn('mel')
  await h.signIn('admin')
  const code = await host.order('mel')
  const { order } = await host.db.selectFrom('break_glass').select('order').executeTakeFirstOrThrow()
  for (const lie of [order.replace('"mel"', '"admin"'), order.replace('"minutes":15', '"minutes":60')]) {
    assert.notEqual(lie, order)
    await host.db.updateTable('break_glass').set({ order: lie, told_at: null, closed_at: null }).execute()
    assert.equal(codeOf(await bring(h.visitor(), code)), 'break-glass.code-invalid')
  }
  assert.deepEqual(await h.audited('break-glass.used'), [])
  const reasons = (await h.audited('break-glass.refused')).map(({ reason }) => reason)
  assert.ok(reasons.some((reason) => reason?.includes('did not sign')))
})

test('a locked person does not come in, and the code is used up', async (t) => {
  const h = await startTestHub(t)
  const host = await setUpHost(t, h)
  await h.signIn('mel')
  const code = await host.order('mel')
  await h.permissions(permissions({ version: 2, locks: { persons: ['mel'], accounts: [], hosts: [] } }))
  await until(async () => codeOf(await bring(h.visitor(), 'x')) === 'break-glass.code-invalid')
  const mel = h.visitor()
  await until(async () => {
    const answer = await bring(mel, code)
    assert.ok(answer.status === 403, answer.text)
    return true
  })
  await h.permissions(permissions({ version: 3 }))
  assert.equal((await bring(h.visitor(), code)).status, 403)
})
