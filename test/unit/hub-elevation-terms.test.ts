/** For how long and on which terms privileges are raised, by class and by site. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import { permissions, startTestHub } from '../harness/hub.ts'
import { until } from '../harness/until.ts'

const minute = 60_000

test('each class has its own time, and a site file may allow less of it but never more', async (t) => {
  const h = await startTestHub(t, {
    config: { elevation: { duration: 'PT30M', write: { duration: 'PT10M' } } },
  })
  const browser = await h.signIn('admin')
  const { site } = await h.session(browser)
  assert.deepEqual([site.elevation.execute.longest, site.elevation.write.longest], [30 * minute, 10 * minute])

  await h.permissions({
    ...permissions({ elevation: { execute: 5 * minute, write: 60 * minute } }),
    version: 2,
  })
  // The hub takes it up as soon as it hears of it.
  await until(async () => (await h.session(browser)).site.elevation.execute.longest === 5 * minute)
  assert.equal((await h.session(browser)).site.elevation.write.longest, 10 * minute)
  await h.raise(browser, 'execute')
  const { elevation, now } = await h.session(browser)
  assert.ok((elevation?.until ?? 0) - now <= 5 * minute)
})

test('somebody may ask for less time than the site allows, not for more', async (t) => {
  const h = await startTestHub(t, { config: { elevation: { duration: 'PT15M' } } })
  const browser = await h.signIn('jacintar')
  const left = async (minutes: number): Promise<number> => {
    const form = await h.askToRaise(browser, 'execute', { minutes })
    await browser.submit(form, { name: 'jacintar', password: 'jacintar' })
    const { elevation, now } = await h.session(browser)
    return (elevation?.until ?? 0) - now
  }
  const short = await left(2)
  assert.ok(short > minute && short <= 2 * minute, `${short} ms`)
  const long = await left(600)
  assert.ok(long > 14 * minute && long <= 15 * minute, `${long} ms`)
  for (const minutes of [0, -1, 1.5, 1e9, '5', null])
    assert.equal(
      codeOf(await browser.change('POST', '/auth/elevate', { class: 'execute', minutes })),
      'input.invalid',
    )
})

test('one class asks for a reason and a second factor, the other does not', async (t) => {
  const h = await startTestHub(t, {
    config: { elevation: { duration: 'PT15M', write: { reasonRequired: true, acrValues: 'mfa' } } },
  })
  const browser = await h.signIn('admin')
  const { site } = await h.session(browser)
  assert.deepEqual(
    [
      site.elevation.execute.reasonRequired,
      site.elevation.write.reasonRequired,
      site.elevation.write.stronger,
    ],
    [false, true, true],
  )
  await h.raise(browser, 'execute')
  assert.equal((await h.session(browser)).elevation?.class, 'execute')

  assert.equal(codeOf(await browser.change('POST', '/auth/elevate', { class: 'write' })), 'input.invalid')
  const reason = { reason: 'clouds hangs' }
  const form = await h.askToRaise(browser, 'write', reason)
  const back = await browser.submit(form, { name: 'admin', password: 'admin' })
  assert.equal(back.url.searchParams.get('elevation'), 'auth.reauthentication-stale', 'no acr came back')
  h.provider.lies.idToken = (claims) => ({ ...claims, acr: 'mfa' })
  const again = await h.askToRaise(browser, 'write', reason)
  await browser.submit(again, { name: 'admin', password: 'admin' })
  assert.equal((await h.session(browser)).elevation?.class, 'write')
})

test('the provider is asked for the factor of the class that is raised to', async (t) => {
  const h = await startTestHub(t, {
    config: { elevation: { duration: 'PT15M', write: { acrValues: 'mfa' } } },
  })
  const browser = await h.signIn('admin')
  const asked = async (to: 'execute' | 'write'): Promise<string | null> => {
    const { body } = await browser.change('POST', '/auth/elevate', { class: to })
    return new URL((body as { readonly location: string }).location).searchParams.get('acr_values')
  }
  assert.deepEqual([await asked('execute'), await asked('write')], [null, 'mfa'])
})
