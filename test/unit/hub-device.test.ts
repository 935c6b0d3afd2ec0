/** Signing in and raising privileges from a command line. `Visitor` is both: the command line, and the browser beside it. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DeviceAnswer } from '../../protocol/api.ts'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub, type TestHub } from '../harness/hub.ts'
import { until } from '../harness/until.ts'
import type { Page, Visitor } from '../harness/visitor.ts'

const begin = (t: TestContext, commandLine: object = { enabled: true }) =>
  startTestHub(t, { config: { commandLine } })

const start = async (shell: Visitor, path = '/auth/device', body: object = {}): Promise<DeviceAnswer> => {
  const answer = await shell.change('POST', path, body)
  assert.equal(answer.status, 200, answer.text)
  return answer.body as DeviceAnswer
}
const fetchOnce = (shell: Visitor, device: string) => shell.change('POST', '/auth/device/token', { device })
/** As the command line asks, until it is told. */
const fetchEnd = async (shell: Visitor, device: string): Promise<Page> => {
  let answer = await fetchOnce(shell, device)
  await until(async () => {
    if (answer.status === 202) answer = await fetchOnce(shell, device)
    return answer.status !== 202
  }, 20_000)
  return answer
}
/** What a person does at the provider, in a browser that may be signed in there or not. */
const confirm = async (hub: TestHub, begun: DeviceAnswer, person: string, browser = hub.visitor()) => {
  const typed = await browser.open(begun.verificationUriComplete ?? begun.verificationUri)
  const asked = await browser.submit(typed, {})
  assert.ok(asked.text.includes(begun.userCode), 'the page shows the code')
  const page = await browser.submit(asked, {})
  return page.text.includes('name="password"')
    ? browser.submit(page, { name: person, password: person })
    : page
}

test('a command line signs in as whoever confirms it, for a day', async (t) => {
  const h = await begin(t)
  const shell = h.visitor()
  const begun = await start(shell)
  assert.equal((await fetchOnce(shell, begun.device)).status, 202)
  assert.match((await confirm(h, begun, 'jacintar')).text, /Your command line goes on/)
  const end = await fetchEnd(shell, begun.device)
  assert.equal(end.status, 200, end.text)
  assert.equal((await h.session(shell)).person, 'jacintar')
  assert.deepEqual((await h.session(shell)).groups, ['oidc/forecasters', 'oidc/staff'])
  const records = await h.audited('session.signed-in')
  assert.equal(records.at(-1)?.sentence, 'User jacintar signed in on the command line')
  assert.equal(codeOf(await fetchOnce(shell, begun.device)), 'auth.state-invalid', 'given once')
  h.shift(24 * 3_600_000 + 1000)
  assert.equal((await shell.ask('GET', '/api/session')).status, 401)
})

test('it raises privileges for its own session alone, and only for credentials that were just given', async (t) => {
  const h = await begin(t)
  const shell = await h.signIn('jacintar')
  const other = await h.signIn('jacintar')
  // Within a second the sign-in itself would be fresh: times are whole seconds.
  await sleep(3100)
  const begun = await start(shell, '/auth/device/raise', { class: 'execute', reason: 'clouds hangs' })
  assert.equal(codeOf(await fetchOnce(other, begun.device)), 'auth.state-invalid')
  // Signed in at the provider already: it must ask all the same.
  await confirm(h, begun, 'jacintar', shell)
  const end = await fetchEnd(shell, begun.device)
  assert.equal(end.status, 200, end.text)
  assert.equal((await h.session(shell)).elevation?.class, 'execute')
  assert.equal((await h.session(other)).elevation, null)
  assert.equal((await h.audited('elevation.raised'))[0]?.reason, 'clouds hangs')
})

test('a confirmation by somebody else, or without credentials, raises nothing', async (t) => {
  const h = await begin(t)
  const shell = await h.signIn('jacintar')
  const byMel = await start(shell, '/auth/device/raise', { class: 'write' })
  await confirm(h, byMel, 'mel')
  assert.equal(codeOf(await fetchEnd(shell, byMel.device)), 'auth.subject-changed')
  const stale = await start(shell, '/auth/device/raise', { class: 'write' })
  h.provider.lies.idToken = (claims) => ({ ...claims, auth_time: Number(claims.iat) - 600 })
  await confirm(h, stale, 'jacintar')
  assert.equal(codeOf(await fetchEnd(shell, stale.device)), 'auth.reauthentication-stale')
  assert.equal((await h.session(shell)).elevation, null)
  const refused = await h.audited('elevation.refused')
  assert.deepEqual(
    refused.map(({ code }) => code),
    ['auth.subject-changed', 'auth.reauthentication-stale'],
  )
})

test('who says at the provider that it is not theirs, ends it', async (t) => {
  const h = await begin(t)
  const shell = h.visitor()
  const begun = await start(shell)
  const browser = h.visitor()
  const typed = await browser.open(begun.verificationUriComplete ?? '')
  await browser.submit(await browser.submit(typed, {}), { abort: 'yes' })
  assert.equal(codeOf(await fetchEnd(shell, begun.device)), 'auth.denied')
  assert.equal((await shell.ask('GET', '/api/session')).status, 401)
})

test('nobody fetches what another began, and none is begun where the site has no command lines', async (t) => {
  const h = await begin(t, {})
  for (const [path, body] of [
    ['/auth/device', {}],
    ['/auth/device/token', { device: 'x' }],
  ] as const)
    assert.equal((await h.visitor().change('POST', path, body)).status, 404)
  const open = await begin(t)
  const shell = open.visitor()
  await start(shell)
  for (const device of ['', 'x', 'A'.repeat(43)])
    assert.equal(codeOf(await fetchOnce(shell, device)), 'auth.state-invalid')
  const foreign = await shell.ask('POST', '/auth/device', {
    headers: { origin: 'https://evil.test', 'content-type': 'application/json', 'content-length': '2' },
    body: '{}',
  })
  assert.equal(codeOf(foreign), 'origin.foreign')
})
