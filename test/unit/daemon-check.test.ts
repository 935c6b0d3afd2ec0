/** `daemon check`: each rule broken on purpose, one at a time, in a site that is otherwise sound. */
import assert from 'node:assert/strict'
import { chmod, chown, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Lookup } from '../../daemon/accounts.ts'
import { checkInstallation, parseMounts, rules } from '../../daemon/check/check.ts'
import { daemonConfig } from '../../daemon/config.ts'
import { siteLayout } from '../../daemon/layout.ts'
import { prepareSite } from '../../daemon/setup.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const isRoot = process.getuid?.() === 0
const skip = isRoot ? false : 'only root can give files away'
const self = { uid: 4711, gid: 4711 }
/** As the system's name service would say it. */
const users: Readonly<Record<string, readonly string[]>> = {
  'passwd 4711': ['seneschal', 'x', '4711', '4711', '', '/', '/usr/sbin/nologin'],
  'passwd clouds': ['clouds', 'x', '4801', '4801', '', '/home/clouds', '/bin/sh'],
  'group 4711': ['seneschal', 'x', '4711', ''],
  'group 4801': ['clouds', 'x', '4801', 'seneschal'],
  'group seneschal-hub': ['seneschal-hub', 'x', '4712', 'seneschal'],
}

const begin = async (t: TestContext) => {
  const dir = await temporaryDirectory(t)
  await chmod(dir, 0o755)
  const at = (name: string) => join(dir, name)
  for (const name of ['site.yaml', 'jwks.json', 'daemon.yaml', 'key'])
    await writeFile(at(name), '', { mode: 0o600 })
  await mkdir(at('definitions'))
  const config = daemonConfig.parse({
    ...{ site: 'test', root: at('site'), definitions: at('definitions'), siteFile: at('site.yaml') },
    ...{ hubKeys: at('jwks.json'), issuer: 'https://hub.test', hubGroup: 'seneschal-hub' },
    unsafeSharedFilesystem: true,
    accounts: {
      clouds: {
        transport: { kind: 'ssh', host: 'login1', keyFile: at('key'), hostKeys: ['ssh-ed25519 AAAA'] },
      },
    },
  })
  await chown(at('key'), self.uid, self.gid)
  const known = new Map(Object.entries(users))
  const lookup: Lookup = async (database, name) => known.get(`${database} ${name}`)
  const prepared = await prepareSite(config, self, lookup)
  assert.deepEqual(prepared.problems, [])
  const found = async (over: Partial<typeof config> = {}) => {
    const configFile = at('daemon.yaml')
    const all = await checkInstallation({ config: { ...config, ...over }, configFile, self, lookup })
    // Of the machine, not of the site.
    return all.filter(({ rule }) => rule !== 'programs')
  }
  return { at, layout: siteLayout(config.root), known, config, found }
}

test('a site as setup makes it has no errors, and setup again does nothing', { skip }, async (t) => {
  const { found, config } = await begin(t)
  assert.deepEqual(
    (await found()).map(({ level, rule }) => [level, rule]),
    [['warning', 'requests-on-their-own-filesystem']],
  )
  const lookup: Lookup = async (database, name) => users[`${database} ${name}`]
  assert.deepEqual((await prepareSite(config, self, lookup)).done, [])
})

type Site = Awaited<ReturnType<typeof begin>>
/** What is done → the rule that says so, and what mends it. */
const breaks: Readonly<Record<string, readonly [(site: Site) => Promise<unknown>, string, RegExp]>> = {
  'an inbox without its sticky bit': [
    ({ layout }) => chmod(layout.inbox, 0o2777),
    'directories',
    /^chmod 3777 .*1_inbox$/,
  ],
  'a state that others can read': [
    ({ layout }) => chmod(layout.state, 0o755),
    'directories',
    /^chmod 0700 .*state$/,
  ],
  'a published directory of somebody else': [
    ({ layout }) => chown(layout.finished, 4801, 4801),
    'directories',
    /^chown seneschal:4711 .* && chmod 0775 /,
  ],
  'a temporary directory that is a link': [
    async ({ layout, at }) => {
      await rename(layout.temp, at('elsewhere'))
      await symlink(at('elsewhere'), layout.temp)
    },
    'directories',
    /^Move it away, then: install -d /,
  ],
  'an inbox that is gone': [
    ({ layout }) => rm(layout.inbox, { recursive: true }),
    'directories',
    /^install -d .* -m 3777 /,
  ],
  'a feed that everybody may read': [
    ({ layout }) => chmod(layout.accountFeed('clouds'), 0o755),
    'feeds',
    /^chmod 0750 /,
  ],
  'a site feed of the wrong group': [
    ({ layout }) => chown(layout.siteFeed, 4711, 4711),
    'feeds',
    /^chown seneschal:4712 /,
  ],
  'a root that users cannot pass': [({ config }) => chmod(config.root, 0o700), 'directories', /^chmod 0755 /],
  'a site file that its group may change': [
    ({ at }) => chmod(at('site.yaml'), 0o664),
    'what-is-believed',
    /^chmod go-w .*site\.yaml$/,
  ],
  'hub keys that belong to the hub': [
    ({ at }) => chown(at('jwks.json'), 4712, 4712),
    'what-is-believed',
    /^chown root .*jwks\.json$/,
  ],
  'a configuration that everybody may write': [
    ({ at }) => chmod(at('daemon.yaml'), 0o666),
    'what-is-believed',
    /^chmod go-w /,
  ],
  'definitions behind a link to what another owns': [
    async ({ at }) => {
      await rm(at('definitions'), { recursive: true })
      await mkdir(at('theirs'))
      await chown(at('theirs'), 4801, 4801)
      await symlink(at('theirs'), at('definitions'))
    },
    'what-is-believed',
    /^chown root .*theirs$/,
  ],
  'definitions of an account that belong to another': [
    async ({ at }) => {
      await mkdir(at('definitions/clouds/winds'), { recursive: true })
      await chown(at('definitions/clouds/winds'), 4802, 4802)
    },
    'definitions',
    /^chown root .*winds$/,
  ],
  'a definition that everybody may write': [
    async ({ at }) => {
      await mkdir(at('definitions/clouds/winds'), { recursive: true })
      await writeFile(at('definitions/clouds/winds/workflow.yaml'), '')
      await chmod(at('definitions/clouds/winds/workflow.yaml'), 0o666)
    },
    'definitions',
    /^chmod go-w .*workflow\.yaml$/,
  ],
  'a private key that others may read': [
    ({ at }) => chmod(at('key'), 0o640),
    'private-keys',
    /chmod 0600 .*key$/,
  ],
  'a private key behind a link that others may read': [
    async ({ at }) => {
      await rename(at('key'), at('real-key'))
      await chmod(at('real-key'), 0o644)
      await symlink(at('real-key'), at('key'))
    },
    'private-keys',
    /chmod 0600 .*real-key$/,
  ],
  'a user in the group of the service account': [
    async ({ known }) => known.set('group 4711', ['seneschal', 'x', '4711', 'mel']),
    'group-without-users',
    /^gpasswd --delete mel seneschal$/,
  ],
  'a service account outside the hub’s group': [
    async ({ known }) => known.set('group seneschal-hub', ['seneschal-hub', 'x', '4712', '']),
    'service-account-in-groups',
    /^usermod -aG seneschal-hub seneschal /,
  ],
  'a service account that is also an account': [
    async ({ known }) => known.set('passwd clouds', ['clouds', 'x', '4711', '4711', '', '/', '/bin/sh']),
    'service-account-serves-none',
    /of its own/,
  ],
}

for (const [what, [spoil, rule, mend]] of Object.entries(breaks))
  test(`${what} is an error that says what mends it`, { skip }, async (t) => {
    const site = await begin(t)
    await spoil(site)
    const errors = (await site.found()).filter(({ level }) => level === 'error')
    const named = errors.filter((error) => error.rule === rule)
    assert.ok(named.length > 0, JSON.stringify(errors))
    assert.ok(
      named.some((error) => mend.test(error.mend)),
      JSON.stringify(named),
    )
  })

test('what only asks for a thought is a warning', { skip }, async (t) => {
  const site = await begin(t)
  site.known.set('passwd 4711', ['seneschal', 'x', '4711', '4711', '', '/', '/bin/bash'])
  site.known.set('group 4801', ['clouds', 'x', '4801', 'seneschal,mel'])
  site.known.delete('passwd oceans')
  const found = await site.found({
    unsafeSharedFilesystem: false,
    accounts: { ...site.config.accounts, oceans: site.config.accounts.clouds as never },
  })
  const levels = new Map(found.map(({ rule, level }) => [rule, level]))
  assert.equal(levels.get('service-account'), 'warning')
  assert.equal(levels.get('private-groups'), 'warning')
  assert.equal(levels.get('accounts'), 'warning')
  assert.equal(levels.get('requests-on-their-own-filesystem'), 'error', 'in production it is one')
})

test('mounts are read as proc(5) writes them', () => {
  const [root, odd] = parseMounts(
    [
      '29 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro',
      '36 29 0:31 / /var/a\\040b rw,nosuid,nodev - nfs4 host:/x ro,vers=4.2',
      '',
    ].join('\n'),
  )
  assert.deepEqual([root?.point, root?.options.has('ro')], ['/', false])
  assert.deepEqual(
    [odd?.point, odd?.type, odd?.options.has('nosuid'), odd?.options.has('ro')],
    ['/var/a b', 'nfs4', true, true],
  )
})

test('each rule says what it is about, once', () => {
  assert.equal(new Set(rules.map(({ name }) => name)).size, rules.length)
  for (const { says } of rules) assert.match(says, /^[A-Z].*\.$/)
})
