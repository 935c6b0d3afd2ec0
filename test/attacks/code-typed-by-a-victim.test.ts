/**
 * Device flow phishing: somebody is talked into confirming a code that another began. The hub cannot prevent that; what
 * comes of it reads only, ends soon, says where it came from, and is ended by an administrator or by the provider.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceAnswer } from '../../protocol/api.ts'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub, type TestHub } from '../harness/hub.ts'
import { until } from '../harness/until.ts'
import type { Visitor } from '../harness/visitor.ts'

const begin = async (attacker: Visitor, path: string, body: object) => {
  const answer = await attacker.change('POST', path, body)
  assert.equal(answer.status, 200, answer.text)
  return answer.body as DeviceAnswer
}
const confirmBy = async (h: TestHub, begun: DeviceAnswer, victim: Visitor, person: string) => {
  const page = await victim.submit(
    await victim.submit(await victim.open(begun.verificationUriComplete ?? ''), {}),
    {},
  )
  if (page.text.includes('name="password"')) await victim.submit(page, { name: person, password: person })
  assert.ok(h.provider.issuer)
}
const fetchEnd = async (attacker: Visitor, device: string) => {
  let answer = await attacker.change('POST', '/auth/device/token', { device })
  await until(async () => {
    if (answer.status === 202) answer = await attacker.change('POST', '/auth/device/token', { device })
    return answer.status !== 202
  }, 20_000)
  return answer
}

test('a code that a victim confirms gives a session that only reads, for a day, on record as a command line', async (t) => {
  const h = await startTestHub(t, { config: { commandLine: { enabled: true } } })
  const attacker = h.visitor()
  const begun = await begin(attacker, '/auth/device', {})
  await confirmBy(h, begun, h.visitor(), 'admin')
  assert.equal((await fetchEnd(attacker, begun.device)).status, 200)
  const me = await h.session(attacker)
  assert.deepEqual([me.person, me.elevation], ['admin', null])
  const hold = '/api/accounts/atmosphere_stage/actions/hold'
  assert.equal(
    codeOf(await attacker.change('POST', hold, { workflow: 'clouds', args: {} })),
    'elevation.required',
  )
  assert.equal(codeOf(await attacker.ask('GET', '/api/admin/kiosks')), 'elevation.required')
  const [record] = await h.audited('session.signed-in')
  assert.equal(record?.sentence, 'User admin signed in on the command line')
  assert.equal(record?.address, '127.0.0.1', 'of whoever has the session, not of the victim')
  h.shift(86_400_000)
  assert.equal((await attacker.ask('GET', '/api/session')).status, 401)
})

test('the victim’s own browser sessions are not touched by it, and a raised one lends it nothing', async (t) => {
  const h = await startTestHub(t, { config: { commandLine: { enabled: true } } })
  const victim = await h.signIn('jacintar')
  await h.raise(victim)
  const attacker = h.visitor()
  const begun = await begin(attacker, '/auth/device', {})
  await confirmBy(h, begun, victim, 'jacintar')
  await fetchEnd(attacker, begun.device)
  assert.equal((await h.session(attacker)).elevation, null)
  assert.equal((await h.session(victim)).elevation?.class, 'execute')
})

test('a code for raising that another confirms raises nobody: it must be the same person', async (t) => {
  const h = await startTestHub(t, { config: { commandLine: { enabled: true } } })
  const attacker = await h.signIn('mel')
  const begun = await begin(attacker, '/auth/device/raise', { class: 'write' })
  await confirmBy(h, begun, h.visitor(), 'admin')
  assert.equal(codeOf(await fetchEnd(attacker, begun.device)), 'auth.subject-changed')
  const me = await h.session(attacker)
  assert.deepEqual([me.person, me.elevation], ['mel', null])
})
