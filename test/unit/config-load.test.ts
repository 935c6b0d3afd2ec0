import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { z } from 'zod/mini'
import { loadConfig } from '../../config/load.ts'
import {
  absolutePath,
  duration,
  durationWithin,
  milliseconds,
  port,
  readSecret,
  secretRef,
} from '../../config/schemas.ts'
import { loadSite, parseAccountFile, parseSite } from '../../config/site.ts'
import { SeneschalError } from '../../protocol/errors.ts'

const dir = mkdtempSync(join(tmpdir(), 'seneschal-config-'))
after(() => rmSync(dir, { recursive: true }))
const file = (name: string, text: string, mode = 0o600): string => {
  const path = join(dir, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}
const schema = z.strictObject({
  title: z.string(),
  listen: z.strictObject({ port }),
  secret: z.optional(secretRef),
  dir: z.optional(absolutePath),
  wait: z.optional(duration),
  poll: z.optional(durationWithin('PT0.1S', 'PT1H')),
})
const refused = (act: () => unknown, pattern: RegExp) =>
  assert.throws(
    act,
    (error) =>
      error instanceof SeneschalError && error.code === 'config.invalid' && pattern.test(error.message),
  )

test('an unknown key is refused with file, line and column', () => {
  const path = file('a.yaml', 'title: x\nlisten:\n  port: 1\n  prot: 2\n')
  refused(() => loadConfig(schema, { file: path }), /a\.yaml:4:3: unknown key listen\.prot/)
})

test('a wrong type, a missing key and a duplicate key are refused with their place', () => {
  refused(
    () => loadConfig(schema, { file: file('b.yaml', 'title: x\nlisten: { port: many }\n') }),
    /b\.yaml:2:11: listen\.port: .*number/,
  )
  refused(() => loadConfig(schema, { file: file('c.yaml', 'listen: { port: 1 }\n') }), /c\.yaml:1:1: title: /)
  refused(
    () => loadConfig(schema, { file: file('d.yaml', 'title: x\ntitle: y\nlisten: { port: 1 }\n') }),
    /d\.yaml:2:1: .*unique/,
  )
  refused(
    () => loadConfig(schema, { file: join(dir, 'absent.yaml') }),
    /absent\.yaml:1:1: cannot be read: ENOENT/,
  )
})

test('a secret that is missing, empty or open to others is refused with its place', () => {
  const using = (secret: string) =>
    file('e.yaml', `title: x\nlisten: { port: 1 }\nsecret:\n  file: ${secret}\n`)
  refused(() => loadConfig(schema, { file: using(join(dir, 'none')) }), /e\.yaml:4:3: .*ENOENT/)
  refused(() => loadConfig(schema, { file: using(file('empty', '')) }), /e\.yaml:4:3: .*is empty/)
  refused(
    () => loadConfig(schema, { file: using(file('open', 's', 0o644)) }),
    /e\.yaml:4:3: .*others can read/,
  )
  const loaded = loadConfig(schema, { file: using(file('closed', 'hunter2\n')) })
  assert.ok(loaded.secret)
  assert.equal(readSecret(loaded.secret), 'hunter2')
})

test('environment overrides the file, options override both, and each is named when wrong', () => {
  const path = file('f.yaml', 'title: x\nlisten: { port: 1 }\n')
  const env = { SNT_LISTEN__PORT: '2', OTHER: 'y' }
  assert.equal(loadConfig(schema, { file: path, env, prefix: 'SNT_' }).listen.port, 2)
  assert.equal(
    loadConfig(schema, { file: path, env, prefix: 'SNT_', flags: { 'listen.port': '3' } }).listen.port,
    3,
  )
  refused(
    () => loadConfig(schema, { file: path, env: { SNT_LISTEN__PROT: '2' }, prefix: 'SNT_' }),
    /environment SNT_LISTEN__PROT: unknown key/,
  )
  refused(() => loadConfig(schema, { file: path, flags: { 'listen.port': 'x' } }), /option --listen\.port: /)
  refused(() => loadConfig(schema, { file: path, flags: { '__proto__.x': '1' } }), /not a key/)
  assert.equal(({} as Record<string, unknown>).x, undefined)
})

test('relative paths and lengths that depend on the calendar are refused', () => {
  refused(
    () => loadConfig(schema, { flags: { title: 'x', 'listen.port': '1', dir: 'here' } }),
    /not an absolute path/,
  )
  refused(
    () => loadConfig(schema, { flags: { title: 'x', 'listen.port': '1', wait: 'P1M' } }),
    /not a duration/,
  )
  assert.equal(milliseconds('PT15M'), 900_000)
  assert.equal(milliseconds('P30D'), 30 * 86_400_000)
})

test('a site file becomes layers that know their lines; owners close the command line unless said otherwise', () => {
  const path = file(
    'site.yaml',
    [
      'permissions:',
      '  read: [everyone]',
      '  execute: [everyone]',
      'limits:',
      '  write: [group:unix/staff]',
      'roles: { admin: [group:oidc/site-admins] }',
      'accounts:',
      '  atmosphere_stage: { owners: [group:unix/atm-admins] }',
      '  oceans_stage: {}',
      '',
    ].join('\n'),
  )
  const site = loadSite(path)
  assert.deepEqual(site.site.source, { file: path, lines: { read: 2, execute: 3 } })
  assert.deepEqual(site.limits.source.lines, { write: 5 })
  assert.deepEqual(
    [site.accounts.atmosphere_stage?.cli, site.accounts.oceans_stage?.cli],
    ['refuse', 'allow'],
  )
})

test('typos in layers are refused with their place, and so is giving away what owners alone may do', () => {
  for (const [line, pattern] of [
    ['reed: [everyone]', /site:2:3: unknown key permissions\.reed/],
    ['stpo: [everyone]', /unknown key permissions\.stpo/],
    ['Stop: [everyone]', /unknown key/],
    ['stop: everyone', /site:2:3: .*array/],
    ['stop: ["!Stop"]', /not a principal/],
    ['stop: [group:nis/x]', /not a principal/],
    ['stop: [group:staff]', /not a principal/],
    ['permissions: [everyone]', /unknown key permissions\.permissions/],
    ['own: [everyone]', /unknown key/],
  ] as const)
    refused(() => parseSite(`permissions:\n  ${line}\n`, 'site'), pattern)
  refused(
    () => parseAccountFile('permission: {}\n', 'account.yaml'),
    /account\.yaml:1:1: unknown key permission/,
  )
})

test('an interval without a pause, or longer than a timer can wait, is refused', () => {
  const withPoll = (poll: string) => file('poll.yaml', `title: x\nlisten: { port: 1 }\npoll: ${poll}\n`)
  for (const poll of ['PT0S', 'PT0.01S', 'P60D'])
    refused(
      () => loadConfig(schema, { file: withPoll(poll) }),
      new RegExp(`poll\\.yaml:3:1: poll: "${poll}" is not between PT0\\.1S and PT1H`),
    )
  refused(() => loadConfig(schema, { file: withPoll('soon') }), /is not a duration/)
  assert.equal(loadConfig(schema, { file: withPoll('PT0.2S') }).poll, 'PT0.2S')
})
