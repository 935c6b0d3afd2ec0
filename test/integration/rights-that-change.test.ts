/**
 * A real name service, a real directory server, an identity provider and the site's rules, all in one configuration:
 * what each of them takes away is gone from what is open within its time, and nothing else is touched.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { decodeJwt } from 'jose'
import { Attribute, Change } from 'ldapts'
import { WebSocketServer } from 'ws'
import { frame } from '../../protocol/frames.ts'
import type { PermissionSnapshot } from '../../protocol/permissions.ts'
import { codeOf } from '../harness/code-of.ts'
import type { Listening } from '../harness/http.ts'
import { startTestHub } from '../harness/hub.ts'
import { accountRow, layer, snapshotOf, summaryRow } from '../harness/site-feed.ts'
import { administrator, hasSlapd, type Slapd, startSlapd, suffix } from '../harness/slapd.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { retried, uniqueAccount } from '../harness/unix-accounts.ts'
import { until } from '../harness/until.ts'

const isRoot = process.getuid?.() === 0
const skip = !isRoot ? 'needs root, for groups of this host' : hasSlapd ? false : 'there is no slapd'

const person = uniqueAccount()
const unixGroup = `${person}g`
/** How long an answer about groups is used; open sockets look after 9 s more at the latest. */
const used = 45_000
/** Within a minute of the change, of which `used` went by in a jump. */
const looked = 15_000

let slapd: Slapd
before(async () => {
  if (skip !== false) return
  await retried('groupadd', [unixGroup])
  await retried('useradd', ['--no-create-home', '--shell', '/usr/sbin/nologin', person])
  await retried('gpasswd', ['--add', person, unixGroup])
  slapd = await startSlapd()
  await slapd.change(async (client) => {
    await client.add(suffix, { objectClass: ['dcObject', 'organization'], o: 'example', dc: 'example' })
    await client.add(`ou=groups,${suffix}`, { objectClass: ['organizationalUnit'], ou: 'groups' })
    await client.add(`cn=atm-ops,ou=groups,${suffix}`, {
      objectClass: ['posixGroup'],
      cn: 'atm-ops',
      gidNumber: '4001',
      memberUid: [person, 'mel'],
    })
  })
})
after(async () => {
  if (skip !== false) return
  await slapd?.close()
  await retried('userdel', [person])
  await retried('groupdel', [unixGroup])
})

const account = 'ocean_test'
const readers = {
  byunix: [`group:unix/${unixGroup}`],
  byldap: ['group:ldap/atm-ops'],
  byoidc: ['group:oidc/forecasters'],
  byname: [`user:${person}`],
  byall: ['everyone'],
} as const
const rules = (version: number, more: Readonly<Record<string, readonly string[]>> = {}): PermissionSnapshot =>
  snapshotOf({
    version,
    accounts: {
      [account]: {
        owners: [],
        cli: 'refuse',
        layer: layer({ read: [more.byall === undefined ? 'everyone' : 'user:admin'] }),
        workflows: Object.fromEntries(
          Object.entries({ ...readers, ...more }).map(([name, read]) => [name, layer({ read })]),
        ),
      },
    },
  })

/** What somebody at the wall sees at the moment, by the frames so far. */
const workflowsOn = ({ messages }: Listening): string => {
  const seen = new Set<string>()
  for (const text of messages) {
    const said = frame.parse(JSON.parse(text))
    if (said.type === 'reset') seen.clear()
    if (said.type === 'reset' || said.type === 'delta')
      for (const { kind, key } of said.put) if (kind === 'summary') seen.add(key.slice(account.length + 1))
    if (said.type === 'delta')
      for (const { kind, key } of said.drop)
        if (kind === 'summary') seen.delete(key.slice(account.length + 1))
  }
  return [...seen]
    .filter((name) => name in readers)
    .sort()
    .join(' ')
}

test('what a name service, a directory, the provider or a rule takes away is gone from open sockets in time', {
  skip,
}, async (t) => {
  const secrets = await temporaryDirectory(t)
  writeFileSync(join(secrets, 'password'), administrator.password, { mode: 0o600 })
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  /** Groups of each assertion that came down an open socket, by person. */
  const told = new Map<string, string[]>()
  const h = await startTestHub(t, {
    more: [{ name: person, title: 'Person', groups: ['forecasters'], note: '' }],
    permissions: rules(1),
    config: {
      unixGroups: true,
      ldapGroups: {
        url: slapd.url,
        startTls: true,
        caFile: slapd.caFile,
        bindDn: administrator.dn,
        password: { file: join(secrets, 'password') },
        groups: { base: `ou=groups,${suffix}`, filter: '(&(objectClass=posixGroup)(memberUid={name}))' },
      },
    },
    upgrade: (request, raw, head) =>
      server.handleUpgrade(request, raw, head, (ws) =>
        ws.on('message', (data) => {
          const { sub = '', groups } = decodeJwt<{ groups: readonly string[] }>(String(data))
          told.set(sub, [...(told.get(sub) ?? []), groups.join(' ')])
        }),
      ),
  })
  await h.feed.put('account', account, accountRow(account))
  for (const name of Object.keys(readers))
    await h.feed.put('summary', `${account}/${name}`, summaryRow(account, name))

  const [own, other] = [await h.signIn(person), await h.signIn('mel')]
  await h.raise(own)
  await until(async () => (await own.change('POST', `/api/accounts/${account}/server`, {})).status === 202)
  await until(async () => (await own.ask('GET', `/u/${account}/workflows`)).status !== 503)
  const open = async (browser: typeof own) => ({
    wall: await browser.socket('/api/wall'),
    server: await browser.socket(`/u/${account}/stream`),
    audit: await browser.socket('/api/audit/stream'),
  })
  const [mine, others] = [await open(own), await open(other)]
  const hold = (workflow: string) =>
    own.change('POST', `/api/accounts/${account}/actions/hold`, { workflow, args: {} })

  await until(() => workflowsOn(mine.wall) === 'byall byldap byname byoidc byunix')
  await until(() => workflowsOn(others.wall) === 'byall byldap')
  assert.equal((await hold('byunix')).status, 202, 'who sees it may hold it')

  // Just asked: the longest that an answer can be used begins now.
  await h.session(own)
  await retried('gpasswd', ['--delete', person, unixGroup])
  h.shift(used)
  await until(() => workflowsOn(mine.wall) === 'byall byldap byname byoidc', looked)
  await until(() => told.get(person)?.at(-1) === 'oidc/forecasters ldap/atm-ops', looked)
  assert.equal(codeOf(await hold('byunix')), 'workflow.unknown', 'and it looks as if it were not there')

  await slapd.change((client) =>
    client.modify(
      `cn=atm-ops,ou=groups,${suffix}`,
      new Change({
        operation: 'delete',
        modification: new Attribute({ type: 'memberUid', values: [person] }),
      }),
    ),
  )
  h.shift(used)
  await until(() => workflowsOn(mine.wall) === 'byall byname byoidc', looked)
  await until(() => told.get(person)?.at(-1) === 'oidc/forecasters', looked)

  h.provider.lies.userinfo = (claims) => ({ ...claims, groups: [] })
  h.shift(5 * 60_000)
  await until(() => workflowsOn(mine.wall) === 'byall byname', looked)
  await until(() => told.get(person)?.at(-1) === '', looked)

  const began = performance.now()
  await h.permissions(rules(2, { byname: ['user:admin'] }))
  await until(() => workflowsOn(mine.wall) === 'byall')
  assert.ok(performance.now() - began < 1000, 'a rule acts within a second')

  assert.equal(workflowsOn(others.wall), 'byall byldap', 'who is in the group still is')
  assert.equal((await h.session(own)).elevation?.class, 'execute', 'and nothing else was taken away')
  for (const { socket } of [mine, others].flatMap((all) => Object.values(all)))
    assert.equal(socket.readyState, socket.OPEN, 'no socket was closed')

  // The other way, with the last that may be seen.
  await h.permissions(rules(3, { byname: ['user:admin'], byall: ['user:admin'] }))
  assert.equal(await mine.server.closed, 4003, 'who sees nothing of an account has no socket there')
  assert.equal(others.server.socket.readyState, others.server.socket.OPEN)
  for (const { socket } of [mine, others].flatMap((all) => Object.values(all))) socket.terminate()
})
