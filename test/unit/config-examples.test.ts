import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { loadConfig } from '../../config/load.ts'
import { loadSite } from '../../config/site.ts'
import { daemonConfig } from '../../daemon/config.ts'
import { hubConfig } from '../../hub/config.ts'

const examples = join(dirname(dirname(import.meta.dirname)), 'config/examples')
const dir = mkdtempSync(join(tmpdir(), 'seneschal-examples-'))
after(() => rmSync(dir, { recursive: true }))

test('the example of the hub is a valid configuration once its secret exists', () => {
  const secret = join(dir, 'client-secret')
  writeFileSync(secret, 'not a secret', { mode: 0o600 })
  const file = join(dir, 'hub.yaml')
  writeFileSync(
    file,
    readFileSync(join(examples, 'hub.yaml'), 'utf8').replace('/etc/seneschal/client-secret', secret),
  )
  assert.equal(loadConfig(hubConfig, { file }).site, 'weather.example')
})

test('the examples of the daemon and of the site file are valid', () => {
  const config = loadConfig(daemonConfig, { file: join(examples, 'daemon.yaml') })
  const site = loadSite(join(examples, 'site.yaml'))
  assert.deepEqual(Object.keys(config.accounts), Object.keys(site.accounts))
})
