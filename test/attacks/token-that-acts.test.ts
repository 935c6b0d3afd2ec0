/** A script's token where something changes, or where no token belongs. Every route is tried, from the route table. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../harness/code-of.ts'
import type { Answer } from '../harness/http.ts'
import { startTestHub } from '../harness/hub.ts'
import { makeToken } from '../harness/script.ts'

const example = (path: string): string =>
  path
    .replace(':account', 'atmosphere_stage')
    .replace(':action', 'hold')
    .replace(':id', '01a205ba-ba69-7a00-99c0-2ce9888d0872')
    .replace(/:[a-z]+/g, 'abc')
    .replace('*', 'workflows')

const json = { 'content-type': 'application/json', 'content-length': '2' }
const changes = ['POST', 'PUT', 'PATCH', 'DELETE']

test('a token changes nothing, whoever it belongs to and whatever it was made for', async (t) => {
  const h = await startTestHub(t)
  const admin = await h.signIn('admin')
  await h.raise(admin, 'write')
  const { csrf } = await h.session(admin)
  const script = await makeToken(h, admin, {
    scope: { reads: ['view', 'logs', 'source', 'search'], on: null },
  })
  const routes = h.hub.routes().filter(({ method }) => changes.includes(method))
  assert.ok(routes.length >= 15)
  for (const { method, url } of routes)
    for (const more of [{}, { 'x-csrf-token': csrf }]) {
      const answer = await script.ask(method, example(url), { ...json, ...more }, '{}')
      assert.deepEqual([answer.status, codeOf(answer)], [403, 'token.read-only'], `${method} ${url}`)
    }
  assert.equal((await h.session(admin)).elevation?.class, 'write')
  assert.deepEqual(h.spawner.starts, [])
})

test('a token reads only where the route says so; the log of all that happened, rights of others and administration are not among it', async (t) => {
  const h = await startTestHub(t)
  const admin = await h.signIn('admin')
  await h.raise(admin, 'write')
  const script = await makeToken(h, admin, { scope: { reads: ['view', 'logs'], on: null } })
  const wall = await makeToken(h, admin, { scope: { reads: ['wall'], on: null } })
  const taken: string[] = []
  const takenByWall: string[] = []
  for (const { method, url, kind } of h.hub.routes()) {
    if (method !== 'GET' || kind === 1) continue
    const isRefused = (answer: Answer) => answer.status === 403 && codeOf(answer) === 'token.scope'
    if (!isRefused(await script.ask('GET', example(url)))) taken.push(url)
    if (!isRefused(await wall.ask('GET', example(url)))) takenByWall.push(url)
  }
  assert.deepEqual(taken.toSorted(), [
    '/api/accounts',
    '/api/accounts/:account',
    '/api/requests/:id',
    '/api/session',
    '/api/wall',
    '/u/:account/*',
  ])
  assert.deepEqual(takenByWall.toSorted(), ['/api/session', '/api/wall'])
})

test('a token of an administrator has no office and no CSRF token, and is never raised', async (t) => {
  const h = await startTestHub(t)
  const admin = await h.signIn('admin')
  await h.raise(admin, 'write')
  const script = await makeToken(h, admin)
  const { body } = await script.ask('GET', '/api/session')
  const { roles, elevation, csrf } = body as { roles: unknown; elevation: unknown; csrf: unknown }
  assert.deepEqual([roles, elevation, csrf], [[], null, ''])
})
