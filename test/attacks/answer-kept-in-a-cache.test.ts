/** What somebody was told, kept by the browser or a proxy, and shown to whoever comes next; every route is asked. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PUBLIC } from '../../hub/context.ts'
import { startTestHub } from '../harness/hub.ts'

const example = (path: string): string =>
  path
    .replace(':account', 'atmosphere_stage')
    .replace(':id', '01a205ba-ba69-7a00-99c0-2ce9888d0872')
    .replace(/:[a-z]+/, 'x')
    .replace('*', 'workflows')

/** The same for everybody, and said to be. */
const forAll = ['/.well-known/jwks.json']

test('no answer of any route is for anybody to keep, whether it succeeded or not', async (t) => {
  const h = await startTestHub(t, { config: { commandLine: { enabled: true } } })
  const browser = await h.signIn('admin')
  await h.raise(browser, 'write')
  const routes = h.hub.routes().filter(({ method }) => method === 'GET')
  assert.ok(routes.length >= 15)
  for (const { url, kind } of routes) {
    // Without a session what is public starts a sign-in or is told to kiosks; the rest is refused.
    for (const visitor of kind === PUBLIC ? [h.visitor()] : [browser, h.visitor()]) {
      if (url.endsWith('/progress') && visitor === browser) continue
      const answer = await visitor.ask('GET', example(url))
      const kept = answer.headers['cache-control']
      if (forAll.includes(url)) assert.match(`${kept}`, /^public, max-age=/, url)
      else assert.equal(kept, 'no-store', `${url}: ${answer.status}`)
      assert.equal(answer.headers['referrer-policy'], 'same-origin', url)
      assert.equal(answer.headers['x-content-type-options'], 'nosniff', url)
      assert.match(String(answer.headers['content-security-policy']), /default-src 'none'/, url)
    }
  }
})

test('what a change answers is not kept either, and no answer of the way in leaks where it came from', async (t) => {
  const h = await startTestHub(t)
  const browser = h.visitor()
  const answers = [
    await browser.ask('GET', '/auth/login'),
    await browser.ask('GET', '/auth/callback?code=x&state=y'),
  ]
  const member = await h.signIn('mel')
  answers.push(await member.change('POST', '/auth/elevate', { class: 'execute' }))
  answers.push(await member.change('DELETE', '/auth/elevation'))
  answers.push(await member.change('POST', '/auth/logout'))
  for (const { headers, url } of answers) {
    assert.equal(headers['cache-control'], 'no-store', url.pathname)
    assert.equal(headers['referrer-policy'], 'same-origin', url.pathname)
    assert.equal(headers['x-frame-options'], 'DENY', url.pathname)
  }
})

test('after the way in, neither code nor state stand in the address', async (t) => {
  const h = await startTestHub(t)
  const browser = h.visitor()
  const form = await browser.open('/auth/login?return=/wall')
  const there = await browser.submit(form, { name: 'mel', password: 'mel' })
  assert.equal(there.url.href, 'https://hub.test/wall')
})
