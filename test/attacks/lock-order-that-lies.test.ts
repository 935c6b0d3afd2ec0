/** Orders about locks, filed by anybody: only what a hub signed for this site counts, and the latest of it. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Lock, type LockOrder, lockOrderType } from '../../protocol/locks.ts'
import { type PermissionSnapshot, permissionSnapshot } from '../../protocol/permissions.ts'
import { createSigner, generateKey, type Signer } from '../../wire/tokens.ts'
import { issuer } from '../harness/daemon.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { until } from '../harness/until.ts'

const definition =
  'schedule: { initial: 1, final: 2, recurrence: P1 }\ngraph: climb\ntasks: { climb: { script: "true" } }\n'

const lockOf = (kind: Lock['kind'], name: string, until: number | null = null): Lock =>
  ({ kind, name, id: 'abcdef0123456789', reason: 'left the site', by: 'admin', at: 1, until }) as Lock

const start = async (t: TestContext) => {
  const site = await startDaemon(t, {
    workflows: { 'atmosphere_stage/clouds': definition },
    autoplay: false,
  })
  const order = async (claims: Partial<LockOrder> = {}, signer: Signer = site.signer) => {
    const id = claims.jti ?? randomUUID()
    const now = Math.floor(Date.now() / 1000)
    const token = await signer.sign(lockOrderType, {
      ...{ iss: issuer, aud: 'test', sub: 'hub', version: 10, locks: [lockOf('person', 'jacintar')] },
      ...{ iat: now, exp: now + 60, jti: id, ...claims },
    })
    return { version: 1, id, order: token }
  }
  const file = async (body: { readonly id: string; readonly [key: string]: unknown }) => {
    await site.put(body)
    return site.answer(body.id)
  }
  const snapshot = async (): Promise<PermissionSnapshot> =>
    permissionSnapshot.parse(
      JSON.parse(await readFile(join(site.layout.siteFeed, 'permissions.json'), 'utf8')),
    )
  const hold = () => site.ask({ action: 'hold', workflow: 'clouds' })
  return { ...site, order, file, snapshot, hold }
}

test('an order locks at once, and a queued grant of whoever is locked is refused', async (t) => {
  const site = await start(t)
  assert.equal((await site.hold()).state, 'done')
  assert.equal((await site.file(await site.order())).state, 'done')
  const { locks, lockOrders } = await site.snapshot()
  assert.deepEqual([locks.persons, lockOrders], [['jacintar'], { [issuer]: 10 }])
  assert.deepEqual([(await site.hold()).state, (await site.hold()).code], ['refused', 'lock.held'])

  await site.restart()
  assert.equal((await site.hold()).code, 'lock.held', 'it outlasts the daemon')
  assert.equal((await site.file(await site.order({ version: 11, locks: [] }))).state, 'done')
  assert.deepEqual((await site.snapshot()).locks.persons, [])
  const after = await site.ask({ action: 'release', workflow: 'clouds' })
  assert.deepEqual([after.state, after.code], ['done', null])
  assert.match(await site.audit(), /took up locks: person jacintar locked/)
  assert.match(await site.audit(), /took up locks: person jacintar unlocked/)
})

test('an older order put back lifts nothing', async (t) => {
  const site = await start(t)
  const lifted = await site.order({ version: 9, locks: [] })
  await site.file(await site.order())
  assert.deepEqual(await site.file(lifted).then(({ state, code }) => [state, code]), [
    'refused',
    'lock.order-old',
  ])
  const same = await site.order({ version: 10, locks: [] })
  await site.file(same)
  assert.equal((await site.hold()).code, 'lock.held', 'nor one of the same version with other words')
})

test('an order of another key, site, hub or kind, or under another id, is refused', async (t) => {
  const site = await start(t)
  const stranger = await createSigner(await generateKey())
  const now = Math.floor(Date.now() / 1000)
  const lies: readonly (readonly [
    string,
    string,
    { readonly id: string; readonly [key: string]: unknown },
  ])[] = [
    ['another key', 'grant.invalid', await site.order({}, stranger)],
    ['another site', 'grant.wrong-site', await site.order({ aud: 'elsewhere' })],
    ['another issuer', 'grant.invalid', await site.order({ iss: 'https://evil.example' })],
    ['long over', 'grant.expired', await site.order({ iat: now - 3600, exp: now - 3000 })],
    ['of the future', 'grant.invalid', await site.order({ iat: now + 3600, exp: now + 4000 })],
    ['another id', 'grant.wrong-request', { ...(await site.order()), id: randomUUID() }],
    [
      'a grant as an order',
      'grant.invalid',
      await site.grant({}).then(({ id, grant }) => ({ version: 1, id, order: grant })),
    ],
    [
      'an order as a grant',
      'grant.invalid',
      await site.order().then(({ id, order }) => ({ version: 1, id, grant: order })),
    ],
    ['more beside it', 'input.invalid', { ...(await site.order()), account: 'atmosphere_stage' }],
  ]
  for (const [what, code, body] of lies) {
    const answer = await site.file(body)
    assert.deepEqual([answer.state, answer.code], ['refused', code], what)
  }
  const tooMuch = Array.from({ length: 101 }, (_, index) => lockOf('person', `p${index}`))
  const strange = [{ ...lockOf('person', 'jacintar'), kind: 'root' } as unknown as Lock]
  for (const locks of [tooMuch, strange]) {
    const body = await site.order({ locks })
    assert.equal((await site.file(body)).state, 'refused')
  }
  assert.deepEqual((await site.snapshot()).locks.persons, [])
  assert.equal((await site.hold()).state, 'done')
})

test('a lock with an end ends by itself', async (t) => {
  const site = await start(t)
  const soon = Date.now() + 1500
  await site.file(await site.order({ locks: [lockOf('account', 'atmosphere_stage', soon)] }))
  assert.equal((await site.hold()).code, 'lock.held')
  await until(async () => (await site.hold()).state === 'done')
  assert.ok(Date.now() >= soon)
})
