/** Sessions in a list: one's own, ended one by one or all but this; everybody's for administrators. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closeCodes } from '../../protocol/frames.ts'
import { type SessionRow, sessionsBody } from '../../protocol/sessions.ts'
import { bring, setUpHost } from '../harness/break-glass.ts'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub } from '../harness/hub.ts'
import { makeToken } from '../harness/script.ts'
import type { Visitor } from '../harness/visitor.ts'

const list = async (by: Visitor, path = '/api/sessions'): Promise<readonly SessionRow[]> => {
  const { body, text } = await by.ask('GET', path)
  assert.ok(body !== undefined, text)
  return sessionsBody.parse(body).sessions
}
const other = (rows: readonly SessionRow[]): string => rows.find(({ own }) => !own)?.session ?? ''

test('somebody sees their sessions with where, since when, last seen and raised until, and nobody else’s', async (t) => {
  const h = await startTestHub(t)
  const desk = await h.signIn('mel')
  h.shift(3_600_000)
  const lap = await h.signIn('mel')
  await h.signIn('jacintar')
  await h.raise(lap)
  h.shift(60_000)
  await h.session(desk)
  const rows = await list(desk)
  assert.deepEqual(
    rows.map(({ own, person, address, elevation }) => [own, person, address, elevation?.class]),
    [
      [false, 'mel', '127.0.0.1', 'execute'],
      [true, 'mel', '127.0.0.1', undefined],
    ],
  )
  const [latest, first] = rows
  assert.ok((latest?.since ?? 0) - (first?.since ?? 0) >= 3_600_000)
  assert.ok((first?.seenAt ?? 0) - (latest?.seenAt ?? 0) >= 59_000, 'also before it is written down')
  assert.equal(JSON.stringify(rows).includes(desk.cookie('__Host-seneschal') ?? '?'), false)
  h.shift(15 * 60_000)
  assert.equal((await list(desk))[0]?.elevation, null, 'from the millisecond on in which it ends')
})

test('a session that is ended from another one is out at once, with its sockets; that is on record', async (t) => {
  const h = await startTestHub(t)
  const desk = await h.signIn('mel')
  const lost = await h.signIn('mel')
  const { closed } = await lost.socket('/api/wall')
  const path = `/api/sessions/${other(await list(desk))}`
  assert.equal((await desk.change('DELETE', path)).status, 204)
  const asked = performance.now()
  assert.equal(await closed, closeCodes.sessionEnded)
  assert.ok(performance.now() - asked < 1000)
  assert.equal(codeOf(await lost.ask('GET', '/api/session')), 'session.ended')
  assert.equal((await h.session(desk)).person, 'mel')
  assert.equal(codeOf(await desk.change('DELETE', path)), 'session.unknown')
  const [record] = await h.audited('session.signed-out')
  assert.equal(record?.sentence, 'User mel signed out elsewhere')
  assert.equal(`/api/sessions/${record?.session}`, path)
  assert.deepEqual(record?.args, { by: 'mel', from: (await list(desk))[0]?.session })
})

test('all others end at once and this one goes on; one’s own can be ended too', async (t) => {
  const h = await startTestHub(t)
  const desk = await h.signIn('mel')
  const others = [await h.signIn('mel'), await h.signIn('mel')]
  const bystander = await h.signIn('jacintar')
  const sockets = await Promise.all(others.map((one) => one.socket('/api/wall')))
  const answer = await desk.change('DELETE', '/api/sessions')
  assert.deepEqual(answer.body, { ended: 2 })
  assert.deepEqual(await Promise.all(sockets.map(({ closed }) => closed)), [
    closeCodes.sessionEnded,
    closeCodes.sessionEnded,
  ])
  for (const one of others) assert.equal(codeOf(await one.ask('GET', '/api/session')), 'session.ended')
  assert.equal((await h.session(bystander)).person, 'jacintar')
  const [own] = await list(desk)
  const bye = await desk.change('DELETE', `/api/sessions/${own?.session}`)
  assert.deepEqual([bye.status, desk.cookie('__Host-seneschal')], [204, undefined])
})

test('nobody ends the session of somebody else; an administrator does, raised, and is named in the record', async (t) => {
  const h = await startTestHub(t)
  const mel = await h.signIn('mel')
  const jacintar = await h.signIn('jacintar')
  const [its] = await list(mel)
  const path = `/api/sessions/${its?.session}`
  assert.equal(codeOf(await jacintar.change('DELETE', path)), 'session.unknown')
  assert.equal(codeOf(await jacintar.ask('GET', '/api/admin/sessions')), 'permission.denied')
  const admin = await h.signIn('admin')
  assert.equal(codeOf(await admin.ask('GET', '/api/admin/sessions')), 'elevation.required')
  await h.raise(admin, 'write')
  const everybody = await list(admin, '/api/admin/sessions')
  assert.deepEqual(everybody.map(({ person }) => person).toSorted(), ['admin', 'jacintar', 'mel'])
  const { closed } = await mel.socket('/api/wall')
  assert.equal((await admin.change('DELETE', `/api/admin/sessions/${its?.session}`)).status, 204)
  assert.equal(await closed, closeCodes.sessionEnded)
  const [record] = await h.audited('session.ended')
  assert.equal(record?.sentence, 'User mel was signed out by the administrator admin')
})

test('a token sees no sessions and ends none', async (t) => {
  const h = await startTestHub(t)
  const mel = await h.signIn('mel')
  const script = await makeToken(h, mel)
  assert.equal(codeOf(await script.ask('GET', '/api/sessions')), 'token.scope')
  assert.equal(codeOf(await script.ask('DELETE', '/api/sessions')), 'token.read-only')
  assert.equal((await h.session(mel)).person, 'mel')
})

test('a session that began with the sealed key stands in the list of its person and can be ended there', async (t) => {
  const h = await startTestHub(t)
  const host = await setUpHost(t, h)
  const desk = await h.signIn('jacintar')
  const door = h.visitor()
  await bring(door, await host.order('jacintar', 15))
  const its = other(await list(desk))
  assert.match(its, /^break-glass:/)
  assert.equal((await desk.change('DELETE', `/api/sessions/${encodeURIComponent(its)}`)).status, 204)
  assert.equal(codeOf(await door.ask('GET', '/api/session')), 'session.ended')
  await h.hub.tick()
  assert.equal((await h.audited('break-glass.closed')).length, 1)
})
