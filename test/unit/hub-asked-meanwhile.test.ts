/** What happens to a session while the identity provider is asked about it: what was said since counts. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { createSeal } from '../../hub/auth/seal.ts'
import { createSessions } from '../../hub/auth/sessions.ts'
import { openStore } from '../../hub/store/open.ts'
import { callbackAt } from '../harness/callback.ts'
import { codeOf } from '../harness/code-of.ts'
import { startTestHub } from '../harness/hub.ts'
import { until } from '../harness/until.ts'

const minute = 60_000
const action = '/api/accounts/atmosphere_stage/actions/hold'
const climb = { workflow: 'clouds', cycle: '20261122T0600Z', task: 'climb' }

/** A hub to which the provider's answers on one path come late, from the next one on that `hold` takes. */
const begin = async (t: TestContext, path: '/me' | '/token') => {
  const held: { taken: boolean; until: Promise<void> | undefined } = { taken: false, until: undefined }
  const h = await startTestHub(t, {
    fetch: async (input, init) => {
      const answer = await fetch(input, init)
      const waiting = held.until
      if (waiting === undefined || !String(input).endsWith(path)) return answer
      Object.assign(held, { taken: true, until: undefined })
      await waiting
      return answer
    },
  })
  const hold = () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    Object.assign(held, { taken: false, until: promise })
    return { release: resolve, taken: () => until(() => held.taken) }
  }
  const groupsAre = (...groups: readonly string[]) => {
    h.provider.lies.userinfo = (claims) => ({ ...claims, groups })
  }
  const browser = await h.signIn('jacintar')
  /** The same browser as it is now: requests of it that are under way keep its cookie. */
  const asItIs = () => {
    const other = h.visitor()
    other.setCookie('__Host-seneschal', browser.cookie('__Host-seneschal') ?? '')
    return other
  }
  return { h, hold, groupsAre, browser, asItIs }
}

test('groups told before somebody raised do not replace those told at it, nor what the provider is asked with', async (t) => {
  const { h, hold, groupsAre, browser, asItIs } = await begin(t, '/me')
  const { csrf } = await h.session(browser)
  const started = await browser.change('POST', '/auth/elevate', { class: 'execute' }, csrf)
  h.shift(6 * minute)
  groupsAre('of-before')
  const slow = hold()
  const late = [asItIs().ask('GET', '/api/session'), asItIs().change('POST', action, climb, csrf)] as const
  await slow.taken()
  groupsAre('of-the-raise')
  const callback = await callbackAt(browser, (started.body as { location: string }).location, 'jacintar')
  assert.equal((await browser.ask('GET', callback)).status, 303)
  slow.release()
  const [read, acted] = await Promise.all(late)
  assert.equal((read.body as { elevation: unknown }).elevation, null, 'the cookie of before raises nothing')
  assert.equal(codeOf(acted), 'csrf.invalid')
  const session = await h.session(browser)
  assert.deepEqual([session.elevation?.class, session.groups], ['execute', ['oidc/of-the-raise']])
  groupsAre('later')
  h.shift(6 * minute)
  assert.deepEqual((await h.session(browser)).groups, ['oidc/later'], 'asked with what the raise brought')
})

test('a sign-in that the provider forgot ends no session in which somebody signed in once more since', async (t) => {
  const { h, hold, browser, asItIs } = await begin(t, '/token')
  const { csrf } = await h.session(browser)
  const started = await browser.change('POST', '/auth/elevate', { class: 'execute' }, csrf)
  h.shift(6 * minute)
  h.provider.lies.refused = 'invalid_grant'
  const slow = hold()
  const late = asItIs().ask('GET', '/api/session')
  await slow.taken()
  h.provider.lies.refused = undefined
  const callback = await callbackAt(browser, (started.body as { location: string }).location, 'jacintar')
  assert.equal((await browser.ask('GET', callback)).status, 303)
  slow.release()
  assert.equal((await late).status, 200)
  assert.equal((await h.session(browser)).elevation?.class, 'execute')
  assert.deepEqual(await h.audited('session.ended'), [])
})

test('an action that waited for the provider is refused where privileges were dropped meanwhile', async (t) => {
  const { h, hold, browser, asItIs } = await begin(t, '/me')
  await h.raise(browser)
  const { csrf } = await h.session(browser)
  h.shift(6 * minute)
  const slow = hold()
  const late = asItIs().change('POST', action, climb, csrf)
  await slow.taken()
  // At another hub of the same database.
  const store = await openStore(h.config.database)
  t.after(() => store.close())
  const { name } = await store.db.selectFrom('sessions').select('name').executeTakeFirstOrThrow()
  const other = createSessions({ db: store.db, seal: createSeal(randomBytes(32)), now: Date.now })
  assert.ok((await other.drop(name)) !== undefined)
  h.shift(1000)
  slow.release()
  assert.equal(codeOf(await late), 'csrf.invalid')
  assert.deepEqual(await h.audited('action.intended'), [])
})
