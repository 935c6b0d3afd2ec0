/** The door without the identity provider: opened on the host, marked in every record, closed in time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import { closeCodes } from '../../protocol/frames.ts'
import { isBreakGlass } from '../../protocol/script-tokens.ts'
import { bring, setUpHost } from '../harness/break-glass.ts'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub } from '../harness/hub.ts'
import { until } from '../harness/until.ts'

test('somebody comes in while the provider is down, acts, is marked everywhere, and is out in time', async (t) => {
  const grants: string[] = []
  const h = await startTestHub(t, {
    answer: (request, response) => {
      let text = ''
      request.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      request.on('end', () => {
        grants.push((JSON.parse(text) as { grant: string }).grant)
        response.writeHead(202).end()
      })
    },
  })
  const host = await setUpHost(t, h)
  await h.signIn('jacintar')
  const admin = await h.signIn('admin')
  await h.provider.close()

  const code = await host.order('jacintar', 15)
  const told = await admin.socket('/api/wall')
  const browser = h.visitor()
  const answer = await bring(browser, code)
  assert.equal(answer.status, 204, answer.text)
  const session = await h.session(browser)
  assert.deepEqual([session.person, session.elevation?.class], ['jacintar', 'write'])
  assert.ok(session.groups.includes('oidc/forecasters'), 'as the provider said last')
  assert.equal(session.breakGlass?.[0]?.own, true)

  assert.equal(await told.closed, closeCodes.sessionReplaced, 'pages of administrators ask again')
  const seen = (await h.session(admin)).breakGlass
  assert.deepEqual([seen?.length, seen?.[0]?.person, seen?.[0]?.own], [1, 'jacintar', false])

  const held = await browser.change('POST', '/api/accounts/atmosphere_stage/actions/hold', {
    ...{ workflow: 'clouds', cycle: '20261122T0600Z', task: 'climb' },
  })
  assert.equal(held.status, 202, held.text)
  assert.equal(isBreakGlass(String(decodeJwt(grants[0] ?? '').session)), true, 'the signed grant says so')

  h.shift(15 * 60_000)
  assert.equal(codeOf(await browser.ask('GET', '/api/session')), 'session.ended')
  await h.hub.tick()
  assert.equal((await h.session(admin)).breakGlass, undefined)

  const records = await h.audited()
  const its = records.filter(({ session: name }) => isBreakGlass(name))
  const events = its.map(({ event }) => event)
  for (const event of [
    'break-glass.opened',
    'break-glass.used',
    'action.intended',
    'break-glass.closed',
  ] as const)
    assert.ok(events.includes(event), `${event} among ${events.join()}`)
  for (const { sentence } of its) assert.match(sentence, /\(break-glass\)$/)
  const intent = its.find(({ event }) => event === 'action.intended')
  assert.equal(
    intent?.sentence,
    'User jacintar asked to hold atmosphere_stage.clouds.climb.20261122T0600Z task (break-glass)',
  )
  assert.match(h.logged(), /"level":40[^\n]*break-glass\.opened/)
})

test('a door that nobody used is closed, and so is one whose person signs out', async (t) => {
  const h = await startTestHub(t)
  const host = await setUpHost(t, h)
  await h.signIn('mel')
  const code = await host.order('mel')
  const browser = h.visitor()
  assert.equal((await bring(browser, code)).status, 204)
  assert.equal((await browser.change('POST', '/auth/logout')).status, 200)
  await host.order('mel')
  await h.hub.tick()
  assert.equal((await h.audited('break-glass.closed')).length, 1)
  h.shift(5 * 60_000)
  await h.hub.tick()
  await h.hub.tick()
  const closed = await h.audited('break-glass.closed')
  assert.deepEqual(
    closed.map(({ sentence }) => sentence),
    ['User mel is out again (break-glass)', 'User mel is out again and never was in (break-glass)'],
  )
})

test('it opens also while the hub was down; what was ordered meanwhile is told when it starts', async (t) => {
  const h = await startTestHub(t)
  const host = await setUpHost(t, h)
  await h.signIn('mel')
  await h.hub.close()
  const code = await host.order('mel')
  const again = await startTestHub(t, { dir: h.dir, provider: h.provider })
  await until(async () => (await again.audited('break-glass.opened')).length === 1)
  assert.equal((await bring(again.visitor(), code)).status, 204)
})

test('nobody comes in who never was here, and nobody for longer than an hour', async (t) => {
  const h = await startTestHub(t)
  const host = await setUpHost(t, h)
  await assert.rejects(host.order('mel'), { code: 'break-glass.refused' })
  await h.signIn('mel')
  for (const minutes of [0, 61, 1.5, Number.NaN])
    await assert.rejects(host.order('mel', minutes), { code: 'usage' })
})

test('doors and tries that ended long ago are forgotten, what is open or was just told of is not', async (t) => {
  const h = await startTestHub(t)
  const host = await setUpHost(t, h)
  await h.signIn('jacintar')
  const prune = async () => {
    for (let look = 0; look < 31; look += 1) await h.hub.tick()
  }
  const left = async () => {
    const count = ({ length }: readonly unknown[]) => length
    return [
      count(await host.db.selectFrom('break_glass').select('id').execute()),
      count(await host.db.selectFrom('break_glass_tries').select('id').execute()),
    ]
  }
  await bring(h.visitor(), await host.order('jacintar', 15))
  await assert.rejects(host.order('jacintar', 15, {}, 'not the passphrase'))
  h.shift(16 * 60_000)
  await prune()
  assert.deepEqual(await left(), [1, 1], 'it stands there while somebody may ask')
  h.shift(90 * 24 * 3_600_000)
  await host.order('jacintar', 15, { now: () => Date.now() + 90 * 24 * 3_600_000 + 16 * 60_000 })
  await prune()
  assert.deepEqual(await left(), [1, 0], 'of the two doors the one that waits is there')
  assert.equal((await h.audited('break-glass.closed')).length, 1)
})
