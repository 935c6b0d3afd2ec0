/** Which daemons a hub may be told of, and which of them an account belongs to. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig } from '../../config/load.ts'
import { hubConfig } from '../../hub/config.ts'
import { daemonOf } from '../../hub/daemons/config.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const hubYaml = (daemons: string, dir: string): string => `site: demo
publicUrl: http://localhost:8000
provider: { issuer: 'https://login.example', clientId: seneschal, clientSecret: { file: ${dir}/secret } }
database: ${dir}/hub.sqlite
keys: ${dir}/keys
audit: ${dir}/audit
spawner: { kind: local }
daemons:
${daemons}`

const load = async (t: TestContext, daemons: string) => {
  const dir = await temporaryDirectory(t)
  writeFileSync(join(dir, 'secret'), 'not a secret', { mode: 0o600 })
  const file = join(dir, 'hub.yaml')
  writeFileSync(file, hubYaml(daemons, dir))
  return { file, load: () => loadConfig(hubConfig, { file }) }
}

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBexampleexampleexampleexampleexampleexample1'
const north = '  - { name: north, directory: /srv/north, site: demo.north, accounts: [a, b] }\n'

test('a hub has daemons that it mounts and daemons that it asks, each with its site and its accounts', async (t) => {
  const south = `  - name: south
    directory: /srv/south
    accounts: [c]
    feed: { ssh: { host: south.example, username: seneschal-feed, keyFile: /etc/key, hostKeys: ['${key}'] } }\n`
  const { daemons, site } = (await load(t, north + south)).load()
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((account) => daemonOf(daemons, account)?.name),
    ['north', 'north', 'south', undefined],
  )
  assert.deepEqual(
    daemons.map((daemon) => daemon.site ?? site),
    ['demo.north', 'demo'],
  )
  const [only] = (await load(t, '  - { name: main, directory: /srv/main }\n')).load().daemons
  assert.equal(daemonOf(only === undefined ? [] : [only], 'whatever')?.name, 'main')
})

for (const [what, more, place, message] of [
  [
    'an account',
    '  - { name: south, directory: /d, site: s, accounts: [c, b] }',
    '10:58',
    'account b belongs to',
  ],
  [
    'a site',
    '  - { name: south, directory: /d, site: demo.north, accounts: [c] }',
    '10:35',
    'site demo.north',
  ],
  ['a name', '  - { name: north, directory: /d, site: s, accounts: [c] }', '10:7', 'name north belongs to'],
  [
    'whatever it claims',
    '  - { name: south, directory: /d, site: s }',
    '10:7',
    'south must list its accounts',
  ],
  [
    'two ways to its feed',
    `  - { name: south, directory: /d, site: s, accounts: [c], feed: { path: /f, ssh: {} } }`,
    '10:',
    'feed',
  ],
] as const)
  test(`a second daemon with ${what} is refused where it stands`, async (t) => {
    const made = await load(t, north + more)
    assert.throws(made.load, (thrown: Error & { code?: string }) => {
      assert.equal(thrown.code, 'config.invalid')
      assert.ok(thrown.message.includes(`${made.file}:${place}`), thrown.message)
      assert.ok(thrown.message.includes(message), thrown.message)
      return true
    })
  })
