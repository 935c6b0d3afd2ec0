import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { helpOf, overview } from '../../cli/command.ts'
import { commands } from '../../cli/commands.ts'
import { writeDayArchive } from '../../durable/status-files.ts'
import { errorTable } from '../../protocol/errors.ts'
import { version } from '../../protocol/version.ts'

const main = join(dirname(dirname(import.meta.dirname)), 'cli/main.ts')
const site = mkdtempSync(join(tmpdir(), 'seneschal-cli-'))
after(() => rmSync(site, { recursive: true }))
for (const name of ['0_temp', '1_inbox', '2_processing', '3_error', '3_finished'])
  mkdirSync(join(site, 'requests', name), { recursive: true })

type Ran = { readonly code: number; readonly out: string; readonly err: string }
const seneschal = (...args: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { env: { SENESCHAL_SITE: site } }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err })
    })
  })

test('every command has a help of its own, and the overview names those for people', () => {
  for (const command of commands) {
    const help = helpOf(command)
    assert.match(help, new RegExp(`^seneschal ${command.name}`))
    assert.match(help, /--help/)
    assert.ok(command.summary.length > 10 && command.summary.endsWith('.'), command.name)
    if (command.internal !== true)
      assert.ok(overview(commands, version).includes(`  ${command.name} `), command.name)
  }
})

test('a user who asks for help or the version gets it, and one who types nonsense is told', async () => {
  assert.equal((await seneschal('--version')).out, `${version}\n`)
  assert.match((await seneschal('submit', '--help')).out, /^seneschal submit/)
  const nonsense = await seneschal('sbumit')
  assert.deepEqual([nonsense.code, nonsense.out], [64, ''])
  assert.match(nonsense.err, /no command "sbumit".*\[usage\]/)
  const option = await seneschal('submit', '--no-such-option')
  assert.equal(option.code, 64)
})

test('an agent for feeds needs its site, by an absolute path, and no other role takes one', async () => {
  for (const [words, said] of [
    [['--role', 'feed'], /needs --site/],
    [['--role', 'feed', '--site', 'here'], /absolute path/],
    [['--role', 'hub', '--site', '/srv'], /no other/],
    [['--role', 'root'], /--role feed/],
  ] as const) {
    const ran = await seneschal('agent', ...words)
    assert.deepEqual([ran.code, ran.out], [64, ''])
    assert.match(ran.err, said)
  }
})

test('a login user submits an action and finds its status while no daemon runs', async () => {
  const submitted = await seneschal(
    'submit',
    '--action',
    'hold',
    '--on',
    '~atmosphere_stage/clouds//20261122T0600Z/climb',
  )
  assert.equal(submitted.code, 0, submitted.err)
  const id = submitted.out.trim()
  const [file] = readdirSync(join(site, 'requests/1_inbox'))
  assert.equal(file, `${id}.json`)
  assert.deepEqual(JSON.parse(readFileSync(join(site, 'requests/1_inbox', `${id}.json`), 'utf8')), {
    version: 1,
    id,
    action: 'hold',
    account: 'atmosphere_stage',
    workflow: 'clouds',
    cycle: '20261122T0600Z',
    task: 'climb',
    args: {},
  })
  assert.equal((await seneschal('status', id)).out, `${id}  waiting\n`)
  mkdirSync(join(site, 'requests/2_processing', id))
  const progress = {
    files: 3,
    bytes: 1_234_567_890,
    totalFiles: 10,
    totalBytes: 4e9,
    rate: 2.5e8,
    left: 11_062,
  }
  writeFileSync(
    join(site, 'requests/2_processing', id, 'status.json'),
    JSON.stringify({ id, state: 'waiting', code: null, at: Date.now(), progress }),
  )
  assert.equal(
    (await seneschal('status', id)).out,
    `${id}  waiting  1.2 GB of 4.0 GB, 3 of 10 files, 250.0 MB/s, 12 s left\n`,
  )
  rmSync(join(site, 'requests/2_processing', id), { recursive: true })
  mkdirSync(join(site, 'requests/3_error', id))
  writeFileSync(
    join(site, 'requests/3_error', id, 'status.json'),
    JSON.stringify({ id, state: 'refused', code: 'permission.denied', at: 1 }),
  )
  const status = await seneschal('status', id, '--follow')
  assert.deepEqual(
    [status.code, status.out],
    [1, `${id}  refused  permission.denied\n  ${errorTable['permission.denied'].text}\n`],
  )
})

test('a login user lists requests of today and of archives while no daemon runs', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'seneschal-list-'))
  after(() => rmSync(dir, { recursive: true }))
  for (const name of ['0_temp', '1_inbox', '2_processing', '3_error', '3_finished'])
    mkdirSync(join(dir, 'requests', name), { recursive: true })
  const id = (n: number): string => `019aac00-0000-7000-8000-${String(n).padStart(12, '0')}`
  const put = (place: string, n: number, state: string, code: string | null, at: number): void => {
    mkdirSync(join(dir, 'requests', place, id(n)))
    writeFileSync(
      join(dir, 'requests', place, id(n), 'status.json'),
      JSON.stringify({ id: id(n), state, code, at }),
    )
  }
  const noon = Date.UTC(2026, 10, 22, 12)
  put('3_finished', 2, 'done', null, noon + 2)
  put('3_error', 3, 'refused', '\u001b[2Jcleared', noon + 3)
  put('3_error', 4, 'refused', 'permission.denied', noon + 4)
  put('2_processing', 5, 'waiting', null, noon + 5)
  await writeDayArchive(join(dir, 'requests/3_finished'), '20261121', [
    { name: id(1), status: { id: id(1), state: 'done', code: null, at: noon - 86_400_000 } },
  ])
  const ids = (ran: Ran): number[] =>
    ran.out
      .split('\n')
      .flatMap((line) => line.match(/000(\d) /)?.[1] ?? [])
      .map(Number)
  assert.deepEqual(ids(await seneschal('list', '--site', dir)), [2, 4, 5])
  assert.deepEqual(ids(await seneschal('list', '--site', dir, '--all')), [1, 2, 4, 5])
  assert.deepEqual(ids(await seneschal('list', '--site', dir, '--state', 'refused')), [4])
  assert.deepEqual(ids(await seneschal('list', '--site', dir, '--all', '-n', '2')), [4, 5])
  assert.deepEqual(ids(await seneschal('list', '--site', dir, '--since', '2026-11-22T12:00:00.004Z')), [4, 5])
  assert.equal((await seneschal('list', '--site', dir, '--state', 'lost')).code, 64)
  assert.equal((await seneschal('status', id(1), '--site', dir)).out, `${id(1)}  done\n`)
  const hostile = await seneschal('status', id(3), '--site', dir)
  assert.deepEqual([hostile.code === 0, hostile.out], [false, ''])
})

test('what cannot be asked for is refused before a file is written', async () => {
  const before = readdirSync(join(site, 'requests/1_inbox')).length
  for (const words of [
    ['--action', 'explode', '--on', '~a/b'],
    ['--action', 'trigger', '--on', '~a/b'],
    ['--action', 'hold'],
    ['--action', 'hold', '--on', '~-oProxyCommand=x/b'],
    ['--action', 'stop', '--on', '~a/b', 'mode=never'],
    ['--action', 'hold', '--on', '~a/b', 'extra=1'],
    [],
  ])
    assert.notEqual((await seneschal('submit', ...words)).code, 0, words.join(' '))
  assert.equal(readdirSync(join(site, 'requests/1_inbox')).length, before)
})

test('explain reads the snapshot that the daemon published, and names the deciding line', async () => {
  mkdirSync(join(site, 'feed/site'), { recursive: true })
  const layer = (rules: object, lines: object) => ({
    rules,
    source: { file: '/etc/seneschal/site.yaml', lines },
  })
  writeFileSync(
    join(site, 'feed/site/permissions.json'),
    JSON.stringify({
      v: 1,
      version: 3,
      at: 0,
      site: layer({ read: ['everyone'], execute: ['group:oidc/ops'] }, { read: 2, execute: 3 }),
      limits: layer({}, {}),
      roles: { admin: [], auditor: [], developer: [] },
      accounts: { atmosphere_stage: { owners: [], cli: 'refuse', workflows: {} } },
      locks: { persons: [], accounts: [], hosts: [] },
    }),
  )
  const refused = await seneschal('explain', 'mel', 'stop', '~atmosphere_stage/clouds')
  assert.equal(refused.code, 1)
  assert.match(refused.out, /^refused: .*\n {2}by: \/etc\/seneschal\/site\.yaml:3 \(execute\)/)
  const allowed = await seneschal(
    'explain',
    'jacintar',
    'stop',
    '~atmosphere_stage/clouds',
    '--group',
    'oidc/ops',
  )
  assert.equal(allowed.code, 0)
  assert.match(allowed.out, /after raising privileges to execute/)
})

test('a configuration that is wrong stops hub and daemon at once, with the place', async () => {
  const file = join(site, 'bad.yaml')
  writeFileSync(file, 'site: x\nlisten:\n  prot: 8000\n')
  for (const part of ['hub', 'daemon']) {
    const ran = await seneschal(part, '--config', file)
    assert.equal(ran.code, 78, part)
    assert.match(
      ran.err,
      part === 'hub' ? /bad\.yaml:3:3: unknown key listen\.prot/ : /bad\.yaml:2:1: unknown key listen/,
    )
    assert.match(ran.err, /\[config\.invalid\]/)
  }
})
