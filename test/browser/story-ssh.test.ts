import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sshdProgram } from '../../demo/sshd-program.ts'
import { hasBrowser } from '../harness/browser.ts'
import type { RunningSite } from '../harness/site.ts'
import { tellTheStory } from './story.ts'

const missing = !hasBrowser
  ? 'no Chromium on this machine'
  : process.getuid?.() !== 0
    ? 'needs root for Unix accounts'
    : sshdProgram() === undefined
      ? 'no sshd on this machine'
      : false

/** What a login user of one account gets to see of what belongs to others. */
const readableBy = (account: string, path: string): boolean =>
  spawnSync('/usr/bin/setpriv', [
    `--reuid=${account}`,
    `--regid=${account}`,
    '--init-groups',
    '--',
    'cat',
    path,
  ]).status === 0

const filesAreClosed = ({ layout }: RunningSite): void => {
  const own = globSync(join(layout.site, 'feed/oceans_stage/*.ndjson'))
  assert.ok(
    own.length > 0 && own.every((file) => readableBy('oceans_stage', file)),
    'its own feed is open to it',
  )
  const others = [
    'site/feed/site/permissions.json',
    'site/feed/site/events-*.ndjson',
    'site/feed/atmosphere_stage/events-*.ndjson',
    'site/feed/atmosphere_stage/permissions.json',
    'site/state/*',
    'site/audit/*',
    'hub/audit/*',
    'hub/hub.sqlite',
    'hub/keys/*',
    'hub/ssh-key',
    'hub/client-secret',
    'etc/daemon-ssh-key',
    'home/atmosphere_stage/seneschal-run/clouds/log/job/*/climb/01/job.out',
    'log/*.log',
  ].map((pattern) => [pattern, globSync(join(layout.dir, pattern))] as const)
  for (const [pattern, files] of others) {
    assert.ok(files.length > 0, `${pattern} is there`)
    for (const file of files) assert.equal(readableBy('oceans_stage', file), false, file)
  }
}

test('jacintar lives the story with real Unix accounts over a real sshd', { skip: missing }, (t) =>
  tellTheStory(t, { ssh: true }, 'atmosphere_stage', [
    ['a login user of another account reads none of it from the files', filesAreClosed],
  ]),
)
