/** Groups out of a real slapd: who is in them, what a name may not do, and what a server that is away means. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Attribute, Change, type Client, ResultCodeError } from 'ldapts'
import { z } from 'zod/mini'
import { createGroups } from '../../hub/groups.ts'
import { ldapConfig } from '../../hub/ldap-config.ts'
import { createLdapGroups, type LdapGroups } from '../../hub/ldap-groups.ts'
import { createLog } from '../../hub/log.ts'
import { administrator, hasSlapd, type Slapd, startSlapd, suffix } from '../harness/slapd.ts'

const skip = hasSlapd ? false : 'there is no slapd'
const log = createLog({ logLevel: 'silent', name: 'test' })
const directory = mkdtempSync(join(tmpdir(), 'seneschal-ldap-'))
const passwordFile = join(directory, 'password')
writeFileSync(passwordFile, administrator.password, { mode: 0o600 })

let slapd: Slapd
const asked: LdapGroups[] = []
/** Asks as the hub would, with `change` to its configuration. */
const ask = (change: Readonly<Record<string, unknown>>): LdapGroups => {
  const config = z.parse(ldapConfig, {
    url: slapd.url,
    startTls: true,
    caFile: slapd.caFile,
    bindDn: administrator.dn,
    password: { file: passwordFile },
    ...change,
  })
  const groups = createLdapGroups(config)
  asked.push(groups)
  return groups
}
const byName = {
  groups: { base: `ou=groups,${suffix}`, filter: '(&(objectClass=posixGroup)(memberUid={name}))' },
}
const byEntry = {
  people: { base: `ou=people,${suffix}` },
  groups: { base: `ou=groups,${suffix}`, filter: '(member={dn})' },
}

const person = (client: Client, uid: string, cn = uid) =>
  client.add(`cn=${cn},ou=people,${suffix}`, { objectClass: ['inetOrgPerson'], uid, cn, sn: cn })

before(async () => {
  if (!hasSlapd) return
  slapd = await startSlapd()
  await slapd.change(async (client) => {
    await client.add(suffix, { objectClass: ['dcObject', 'organization'], o: 'example', dc: 'example' })
    for (const ou of ['people', 'groups'])
      await client.add(`ou=${ou},${suffix}`, { objectClass: ['organizationalUnit'], ou })
    await person(client, 'jacintar')
    await person(client, 'mel')
    await person(client, 'odd)(uid=*', 'odd')
    await client.add(`cn=atm-ops,ou=groups,${suffix}`, {
      objectClass: ['posixGroup'],
      cn: 'atm-ops',
      gidNumber: '4001',
      memberUid: ['jacintar', 'mel'],
    })
    await client.add(`cn=Forecasters on duty,ou=groups,${suffix}`, {
      objectClass: ['groupOfNames'],
      cn: 'Forecasters on duty',
      member: [`cn=jacintar,ou=people,${suffix}`],
    })
  })
})
after(async () => {
  for (const groups of asked) groups.close()
  await slapd?.close()
  rmSync(directory, { recursive: true })
})

test('groups that list names, and groups that list entries', { skip }, async () => {
  const names = ask(byName)
  assert.deepEqual(await names.of('jacintar'), ['atm-ops'])
  assert.deepEqual(await names.of('oliver'), [])
  const entries = ask(byEntry)
  assert.deepEqual(await entries.of('jacintar'), ['Forecasters on duty'])
  assert.deepEqual(await entries.of('mel'), [])
  assert.deepEqual(await entries.of('nobody-here'), [])
})

test('the same with TLS from the beginning', { skip }, async () => {
  const entries = ask({ ...byEntry, url: slapd.secureUrl, startTls: false })
  assert.deepEqual(await entries.of('jacintar'), ['Forecasters on duty'])
  const distrusting = ask({ ...byEntry, url: slapd.secureUrl, startTls: false, caFile: undefined })
  await assert.rejects(distrusting.of('jacintar'), /self-signed|certificate/i)
})

test('a name is never more than a name', { skip }, async () => {
  const names = ask(byName)
  const entries = ask(byEntry)
  for (const name of [
    '*',
    'jacintar)(memberUid=*',
    '*)(objectClass=*',
    'jac*',
    'jacintar\0',
    '\\2a',
    '{dn}',
  ]) {
    assert.deepEqual(await names.of(name), [], name)
    assert.deepEqual(await entries.of(name), [], name)
  }
})

test('two entries of one name are nobody’s groups', { skip }, async () => {
  await slapd.change(async (client) => {
    await person(client, 'twin', 'one')
    await person(client, 'twin', 'other')
  })
  await assert.rejects(ask(byEntry).of('twin'), { code: 'groups.unavailable' })
})

test('a filter that finds everything is refused, not cut', { skip }, async () => {
  await slapd.change(async (client) => {
    for (let index = 0; index < 1001; index += 1)
      await client.add(`cn=g${index},ou=groups,${suffix}`, {
        objectClass: ['posixGroup'],
        cn: `g${index}`,
        gidNumber: String(5000 + index),
        memberUid: ['in-all'],
      })
  })
  await assert.rejects(ask(byName).of('in-all'), { code: 'groups.unavailable' })
})

test('a certificate of nobody whom we trust, and a wrong password, are failures', { skip }, async () => {
  await assert.rejects(ask({ ...byName, caFile: undefined }).of('jacintar'), /self-signed|certificate/i)
  const wrong = join(directory, 'wrong')
  writeFileSync(wrong, 'not-it', { mode: 0o600 })
  await assert.rejects(ask({ ...byName, password: { file: wrong } }).of('jacintar'), ResultCodeError)
  const anonymous = ask({ ...byName, bindDn: undefined, password: undefined })
  await assert.rejects(anonymous.of('jacintar'), ResultCodeError, 'who may not look is not told "no groups"')
})

test('a connection that is cut in the middle is not taken up again in the open', { skip }, async () => {
  const seen: Buffer[] = []
  const port = Number(new URL(slapd.url).port)
  const relay = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    const first: Buffer[] = []
    seen.push(Buffer.alloc(0))
    near.once('data', (bytes: Buffer) => seen.splice(-1, 1, bytes))
    far.on('data', (bytes: Buffer) => {
      first.push(bytes)
      // Later than the first page of a thousand groups, sooner than the second.
      if (Buffer.concat(first).length > 20_000) near.destroy()
      else near.write(bytes)
    })
    near.on('data', (bytes) => far.write(bytes))
    for (const socket of [near, far]) socket.on('error', () => undefined)
    near.on('close', () => far.destroy())
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  const { port: between } = relay.address() as AddressInfo
  const groups = ask({ ...byName, url: `ldap://127.0.0.1:${between}` })
  assert.deepEqual(await groups.of('mel'), ['atm-ops'])
  await assert.rejects(groups.of('in-all'))
  assert.equal(seen.length, 1, 'nothing is asked on a connection that nobody secured')
  assert.deepEqual(await groups.of('mel'), ['atm-ops'])
  const startTls = '1.3.6.1.4.1.1466.20037'
  assert.deepEqual(
    seen.map((bytes) => bytes.includes(startTls)),
    [true, true],
  )
  groups.close()
  await new Promise((resolve) => relay.close(resolve))
})

test('a change is felt within a minute; a server that is away is asked again', { skip }, async () => {
  const time = { now: 0 }
  const groups = createGroups({
    sources: [{ name: 'ldap', ask: ask(byName).of }],
    now: () => time.now,
    log,
  })
  assert.deepEqual(await groups.of('mel', ['oidc/ops']), ['oidc/ops', 'ldap/atm-ops'])
  await slapd.kill()
  time.now += 60_000
  assert.deepEqual(await groups.of('mel', []), ['ldap/atm-ops'], 'the last word holds while it is away')
  await assert.rejects(
    groups.of('jacintar', []),
    { code: 'groups.unavailable' },
    'never told: let in nowhere',
  )
  await slapd.start()
  await slapd.change((client) =>
    client.modify(
      `cn=atm-ops,ou=groups,${suffix}`,
      new Change({
        operation: 'delete',
        modification: new Attribute({ type: 'memberUid', values: ['mel'] }),
      }),
    ),
  )
  time.now += 60_000
  assert.deepEqual(await groups.of('mel', []), [], 'no longer in it')
  assert.deepEqual(await groups.of('jacintar', []), ['ldap/atm-ops'])
})
