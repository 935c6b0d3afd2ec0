/**
 * Row 33: the account, with a UI server of its own making and the inbox at hand, forges what a person did. The daemon
 * refuses all of it, and no record names that person.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import { assertionType, grantType } from '../../protocol/tokens.ts'
import { createSigner, generateKey } from '../../wire/tokens.ts'
import { type DaemonSite, issuer, type Status, site as siteName } from '../harness/daemon.ts'
import { forgedTokens } from '../harness/forged.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'

const victim = 'jacintar'
const target = { account: 'atmosphere_stage', workflow: 'clouds' }
const definition = 'graph: t\ntasks: { t: { script: "true" } }\n'
const settings = { workflows: { 'atmosphere_stage/clouds': definition }, autoplay: false }

const claimsOf = (jti: string, over: object = {}) => {
  const iat = Math.floor(Date.now() / 1000)
  return {
    iss: issuer,
    aud: siteName,
    sub: victim,
    groups: [],
    session: 's',
    elevation: { class: 'write' as const, until: Date.now() + 60_000 },
    policy: 1,
    audit: '1:0',
    request: { action: 'hold', ...target, args: {} },
    iat,
    exp: iat + 60,
    jti,
    ...over,
  }
}

/** Written as the account would by hand, in the bytes of its choice. */
const file = async (site: DaemonSite, id: string, body: string): Promise<Status> => {
  const made = join(site.layout.temp, randomUUID())
  await writeFile(made, body, { mode: 0o640 })
  await rename(made, join(site.layout.inbox, `${id}.json`))
  return site.answer(id)
}

const mustBeNobodys = async (site: DaemonSite): Promise<void> => {
  const audit = await site.audit()
  const records = audit
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  for (const { person, session, sentence, event } of records) {
    assert.deepEqual([person, session], [null, null], String(sentence))
    assert.notEqual(event, 'action.done')
  }
  assert.ok(!audit.includes(victim))
}

test('a request of its own names nobody, however it is written', async (t) => {
  const site = await startDaemon(t, settings)
  const own = (id: string) => ({ version: 1, id, action: 'hold', ...target, args: {} })
  const lies: Readonly<Record<string, (id: string) => object>> = {
    'a person': (id) => ({ ...own(id), person: victim }),
    'a user': (id) => ({ ...own(id), user: victim }),
    'a subject': (id) => ({ ...own(id), sub: victim, groups: ['unix/atm-admins'] }),
    'a session and privileges': (id) => ({
      ...own(id),
      session: 's',
      elevation: { class: 'write', until: 9e15 },
    }),
    'that it came by the web': (id) => ({ ...own(id), via: 'web' }),
    'claims that nobody signed': (id) => ({ version: 1, id, grant: claimsOf(id) }),
    'claims beside a request': (id) => ({ ...own(id), grant: claimsOf(id) }),
    'a uid': (id) => ({ ...own(id), uid: 0, owner: victim }),
    'no grant but its place': (id) => ({ ...own(id), grant: null }),
    'an empty grant': (id) => ({ version: 1, id, grant: '' }),
    'another version': (id) => ({ version: 2, id, grant: 'x.y.z', person: victim }),
  }
  for (const [what, lie] of Object.entries(lies)) {
    const id = randomUUID()
    const { state, code } = await file(site, id, JSON.stringify(lie(id)))
    assert.deepEqual(
      [state, code],
      ['refused', what === 'an empty grant' ? 'grant.invalid' : 'input.invalid'],
      what,
    )
  }
  const id = randomUUID()
  const twice = `{"version":1,"id":"${id}","action":"hold","account":"atmosphere_stage","workflow":"clouds","args":{},"args":{"person":"${victim}"}}`
  assert.equal((await file(site, id, twice)).code, 'input.invalid')
  await mustBeNobodys(site)
})

test('a grant of its own making is refused, whatever key, type or header it has', async (t) => {
  const site = await startDaemon(t, settings)
  const genuine = await site.grant({ action: 'hold', ...target })
  const jwks = site.signer.jwks()
  const lies: Record<string, (id: string) => string | Promise<string>> = {}
  for (const what of Object.keys(forgedTokens({ type: grantType, claims: {}, jwks, genuine: genuine.grant })))
    lies[what] = (id) =>
      forgedTokens({ type: grantType, claims: claimsOf(id), jwks, genuine: genuine.grant })[what] ?? ''
  const own = await createSigner({ ...(await generateKey()), kid: String(jwks.keys[0]?.kid) })
  lies['its own key under the hub’s id'] = (id) => own.sign(grantType, claimsOf(id))
  lies['an assertion that it was shown'] = () => {
    const { iat, exp } = claimsOf('')
    const said = {
      iss: issuer,
      aud: siteName,
      sub: victim,
      groups: [],
      session: 's',
      elevation: null,
      iat,
      exp,
    }
    return site.signer.sign(assertionType, said)
  }
  for (const [index, [what, lie]] of Object.entries(lies).entries()) {
    // Whoever lies more often than this within a minute is counted, and not answered one by one.
    if (index % 25 === 24) await site.restart()
    const id = randomUUID()
    const { state, code } = await file(site, id, JSON.stringify({ version: 1, id, grant: await lie(id) }))
    assert.deepEqual([state, code], ['refused', 'grant.invalid'], what)
  }
  await mustBeNobodys(site)
})

test('a grant that it was handed is good for nothing but what it says, once', async (t) => {
  const site = await startDaemon(t, settings)
  const made = await site.grant({ action: 'hold', ...target })
  const [head = '', body = '', signature = ''] = made.grant.split('.')
  const changed = (over: object) => {
    const claims = { ...decodeJwt(made.grant), ...over }
    return [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.')
  }
  const refused: Readonly<Record<string, readonly [code: string, grant: (id: string) => string]>> = {
    'another id': ['grant.wrong-request', () => made.grant],
    'its id changed': ['grant.invalid', (id) => changed({ jti: id })],
    'another action': [
      'grant.invalid',
      (id) => changed({ jti: id, request: { action: 'stop', ...target, args: {} } }),
    ],
    'another person': ['grant.invalid', (id) => changed({ jti: id, sub: 'admin' })],
    'a longer life': ['grant.invalid', (id) => changed({ jti: id, exp: 9e9 })],
    'more privileges': [
      'grant.invalid',
      (id) => changed({ jti: id, elevation: { class: 'write', until: 9e15 } }),
    ],
    'its body with blanks': ['grant.invalid', () => `${head}.${body} .${signature}`],
  }
  for (const [what, [code, grant]] of Object.entries(refused)) {
    const id = randomUUID()
    const answer = await file(site, id, JSON.stringify({ version: 1, id, grant: grant(id) }))
    assert.deepEqual([answer.state, answer.code], ['refused', code], what)
  }
  await mustBeNobodys(site)
  assert.equal((await site.put({ version: 1, ...made }).then(() => site.answer(made.id))).state, 'done')
  assert.equal((await site.audit()).match(/User jacintar held/g)?.length, 1, 'the genuine one, once')
})

test('what the account does by itself, where it may, is done by nobody but the account', async (t) => {
  const siteFile = `
permissions: { read: [everyone], execute: [everyone], write: [owner] }
accounts: { atmosphere_stage: { owners: [user:${victim}], cli: allow } }
`
  const site = await startDaemon(t, { ...settings, siteFile })
  const id = randomUUID()
  const own = { version: 1, id, action: 'hold', ...target, args: {} }
  assert.equal((await file(site, id, JSON.stringify(own))).state, 'done')
  const audit = await site.audit()
  const [done = '', ...more] = audit.split('\n').filter((line) => line.includes('"event":"action.done"'))
  const { person, session, sentence } = JSON.parse(done) as Record<string, unknown>
  assert.deepEqual([person, session, more.length], [null, null, 0])
  assert.match(String(sentence), /^\S+ Account atmosphere_stage held |^Account atmosphere_stage held /)
  assert.ok(!audit.includes(victim))
})
