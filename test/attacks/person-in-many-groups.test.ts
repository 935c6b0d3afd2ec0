/** Rows 31 and 42: a denial that is lost because a person is in more groups than some token has room for. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { decodeJwt } from 'jose'
import { createVouched } from '../../hub/vouched.ts'
import { handOver } from '../../protocol/api.ts'
import type { PermissionSnapshot } from '../../protocol/permissions.ts'
import { askMaxBytes, grantMaxLength, requestMaxBytes } from '../../protocol/requests.ts'
import { assertionMaxLength, groupsMaxBytes } from '../../protocol/tokens.ts'
import { codeOf } from '../harness/code-of.ts'
import { permissions, startTestHub } from '../harness/hub.ts'
import { layer } from '../harness/site-feed.ts'
import { startUiServer } from '../harness/ui-server.ts'

/** Names of 40 characters, as directories have them. */
const names = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${index}`.padStart(5, '0').padEnd(40, 'x'))
const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

type Said = { readonly kind: 'assertion' | 'grant'; readonly groups: readonly string[] }

const hubWith = async (t: TestContext, count: number, snapshot?: PermissionSnapshot) => {
  const said: Said[] = []
  const groupsOf = (token: string) => decodeJwt<{ groups: readonly string[] }>(token).groups
  const h = await startTestHub(t, {
    ...(snapshot === undefined ? {} : { permissions: snapshot }),
    answer: async (request, response) => {
      let text = ''
      for await (const piece of request) text += piece
      said.push({ kind: 'assertion', groups: groupsOf(request.headers.authorization?.slice(7) ?? '') })
      if (text !== '') said.push({ kind: 'grant', groups: groupsOf(handOver.parse(JSON.parse(text)).grant) })
      response.writeHead(202).end()
    },
  })
  h.provider.lies.idToken = (claims) => ({ ...claims, groups: [...names(count), 'denied'] })
  return { h, said }
}
const hold = (h: Awaited<ReturnType<typeof startTestHub>>, browser: Awaited<ReturnType<typeof h.signIn>>) =>
  browser.change('POST', '/api/accounts/atmosphere_stage/actions/hold', { workflow: 'clouds' })

test('whoever is in 150 groups acts; a server hears of those that matter, the daemon of all', async (t) => {
  const named = ['oidc/denied', `oidc/${names(3)[2]}`]
  const { h, said } = await hubWith(
    t,
    150,
    permissions({ roles: { admin: [], auditor: [], developer: named.map((name) => `group:${name}`) } }),
  )
  const browser = await h.signIn('jacintar')
  await h.raise(browser)
  assert.equal((await hold(h, browser)).status, 202)
  const [assertion, grant] = said
  assert.deepEqual(assertion?.groups.toSorted(), named.toSorted())
  assert.equal(grant?.groups.length, 151)
})

test('the last of a thousand groups still denies', async (t) => {
  const { h, said } = await hubWith(
    t,
    1000,
    permissions({ site: layer({ read: ['everyone'], execute: ['everyone', '!group:oidc/denied'] }) }),
  )
  const browser = await h.signIn('jacintar')
  await h.raise(browser)
  assert.equal(codeOf(await hold(h, browser)), 'permission.denied')
  assert.deepEqual(said, [])
})

test('more groups than a session can keep are refused at sign-in, none left out', async (t) => {
  const { h } = await hubWith(t, 4000)
  const browser = h.visitor()
  const form = await browser.open('/auth/login')
  const back = await browser.submit(form, { name: 'mel', password: 'mel' })
  assert.equal(back.url.searchParams.get('signin'), 'groups.too-many')
  assert.equal(browser.cookie('__Host-seneschal'), undefined)
  assert.equal((await h.audited('session.signed-in')).length, 0)
  assert.equal((await h.audited('session.refused'))[0]?.code, 'groups.too-many')
})

test('where a token has no room it is refused, never signed with fewer', () => {
  const groups = names(1000).map((name) => `oidc/${name}`)
  const principals = groups.map((group) => `group:${group}`)
  const some = permissions({ site: layer({ read: principals.slice(0, 100) }) })
  const all = permissions({ site: layer({ read: principals }) })
  const asked = (action: string) => ({ account: 'atmosphere_stage', action })
  const few = createVouched({ snapshot: () => some })
  assert.deepEqual(few.toServer({ groups }, 'atmosphere_stage'), groups.slice(0, 100))
  assert.deepEqual(few.toDaemon({ groups }, asked('hold')), groups.slice(0, 100))
  const refused = { code: 'groups.too-many' }
  assert.throws(() => few.toDaemon({ groups }, asked('submit')), refused, 'a rule of a plugin may want any')
  const many = createVouched({ snapshot: () => all })
  assert.throws(() => many.toServer({ groups }, 'atmosphere_stage'), refused)
  assert.throws(() => many.toDaemon({ groups }, asked('hold')), refused)
  assert.deepEqual(createVouched({ snapshot: () => undefined }).toServer({ groups }, 'a'), [])
})

test('tokens that are filled to the brim are taken by every reader', async (t) => {
  const room = await startUiServer(t)
  await room.allow({ clouds: ['everyone'] })
  const groups: string[] = []
  for (const name of names(1000)) {
    const more = [...groups, `oidc/${name}`]
    if (bytes(more) > groupsMaxBytes) break
    groups.push(`oidc/${name}`)
  }
  groups.push(`oidc/${'y'.repeat(groupsMaxBytes - bytes(groups) - '"oidc/",'.length)}`)
  assert.equal(bytes(groups), groupsMaxBytes)

  const elevation = { class: 'execute', until: room.now.value + 60_000 } as const
  const assertion = await room.assertion('jacintar', { groups, elevation })
  assert.ok(assertion.length <= assertionMaxLength, `${assertion.length}`)
  const widest = 'x'.repeat(assertionMaxLength)
  assert.equal((await room.request('/workflows', { token: assertion })).status, 200)
  const heard = await room.listen('', assertion)
  heard.socket.send(assertion)
  heard.socket.send(widest)
  assert.equal((await room.request('/workflows', { token: `${widest}.x.x` })).status, 401, 'read, not cut')
  assert.equal(heard.socket.readyState, heard.socket.OPEN)

  const text = (length: number) => ({
    action: 'hold',
    account: 'atmosphere_stage',
    args: { text: 'z'.repeat(length) },
  })
  const request = text(askMaxBytes - bytes(text(0)))
  assert.equal(bytes(request), askMaxBytes)
  // Each such character takes six bytes.
  const grant = await room.grant({ groups, elevation, request, reason: '\u0001'.repeat(1000) })
  assert.ok(grant.length <= grantMaxLength, `${grant.length}`)
  const id = decodeJwt(grant).jti ?? ''
  const answer = await room.request('/actions', {
    method: 'POST',
    token: assertion,
    body: JSON.stringify({ id, grant }),
  })
  assert.equal(answer.status, 202, answer.text)
  const [file = ''] = await readdir(room.inbox)
  assert.ok((await readFile(join(room.inbox, file))).length <= requestMaxBytes)
})
