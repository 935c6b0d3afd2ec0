import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../config/load.ts'
import { daemonConfig } from '../../daemon/config.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const base = `site: test
root: /srv/site
definitions: /srv/definitions
siteFile: /srv/site.yaml
hubKeys: /srv/jwks.json
issuer: https://hub.test
`
const local = '{ transport: { kind: local, command: [/bin/true] } }'

test('accounts that would share a directory or a user with another are refused with their place', async (t) => {
  const file = join(await temporaryDirectory(t), 'daemon.yaml')
  const load = (accounts: string, more = '') => {
    writeFileSync(file, `${base}${more}accounts:\n${accounts}`)
    return () => loadConfig(daemonConfig, { file })
  }
  for (const name of ['site', 'public', 'constructor', 'prototype'])
    assert.throws(load(`  clouds: ${local}\n  ${name}: ${local}\n`), {
      code: 'config.invalid',
      message: new RegExp(`daemon\\.yaml:9:3: .*an account cannot be called ${name}`),
    })
  const same = `  clouds: ${local}\n  waves: { user: clouds, transport: { kind: local, command: [/bin/true] } }\n`
  assert.throws(load(same), /daemon\.yaml:8:3: .*the same Unix user[\s\S]*daemon\.yaml:9:3: /)
  assert.equal(Object.keys(load(same, 'unsafeSingleUser: true\n')().accounts).length, 2)
  assert.deepEqual(load(`  clouds: ${local}\n`)().log, { to: 'stdout', level: 'info', levels: {} })
})
