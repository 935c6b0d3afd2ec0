import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { bubblewrap, needsSandbox } from '../harness/plugins.ts'

const main = join(dirname(dirname(import.meta.dirname)), 'cli/main.ts')
const site = mkdtempSync(join(tmpdir(), 'seneschal-cli-plugins-'))
after(() => rmSync(site, { recursive: true }))
for (const name of ['requests/0_temp', 'requests/1_inbox', 'feed/public', 'work'])
  mkdirSync(join(site, name), { recursive: true })

const seneschal = (...args: readonly string[]): Promise<{ code: number; out: string; err: string }> =>
  new Promise((resolve) => {
    const env = { SENESCHAL_SITE: site, PATH: process.env.PATH }
    execFile(process.execPath, [main, ...args], { env, cwd: join(site, 'work') }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err })
    })
  })

const entry = (version: string, isDefault: boolean) => ({
  name: 'greet',
  version,
  digest: 'ab'.repeat(32),
  default: isDefault,
  help: 'Greet somebody.\n\nMore about it.',
  arguments: {
    type: 'object',
    properties: {
      who: { type: 'string', description: 'whom' },
      times: { type: 'integer', minimum: 1, default: 1 },
    },
    required: ['who'],
  },
  positional: ['who'],
})
writeFileSync(
  join(site, 'feed/public/plugins.json'),
  JSON.stringify({ v: 1, plugins: [entry('2.0.0', true), entry('1.0.0', false)] }),
)

test('a user sees which plugins there are, and how one is run, while no daemon runs', async () => {
  const listed = await seneschal('plugins')
  assert.equal(
    listed.out,
    'greet@2.0.0                   Greet somebody.\ngreet@1.0.0  by version only  Greet somebody.\n',
  )
  const help = await seneschal('help', 'greet')
  assert.match(help.out, /^seneschal submit greet WHO\n\nGreet somebody\.\n\nMore about it\.\n/)
  assert.match(help.out, /--who TEXT {7}whom \[required\]\n {2}--times INTEGER {2}\(at least 1, default 1\)/)
  assert.match((await seneschal('help', 'greet@1.0.0')).out, /^seneschal submit greet@1\.0\.0 WHO/)
  const none = await seneschal('help', 'greet@3.0.0')
  assert.match(none.err, /greet@2\.0\.0, greet@1\.0\.0.*\[plugin\.none\]/)
  assert.match((await seneschal('help')).out, /Usage: seneschal COMMAND/)
})

test('submit checks a plugin’s arguments before it files the request', async () => {
  const filed = () => readdirSync(join(site, 'requests/1_inbox'))
  for (const words of [['greet'], ['greet', 'Ada', 'Bob'], ['greet', 'Ada', '--times', '0'], ['none', 'x']])
    assert.notEqual((await seneschal('submit', ...words)).code, 0, words.join(' '))
  assert.deepEqual(filed(), [])
  const done = await seneschal('submit', '--site', site, 'greet', '--help', '--times', '2')
  assert.match(done.err, /no argument help/, 'what follows the name is the plugin’s')
  const { out } = await seneschal('submit', 'greet', '--times', '2', '--', '-h')
  const [file = ''] = filed()
  assert.equal(file, `${out.trim()}.json`)
  const { id, ...body } = JSON.parse(readFileSync(join(site, 'requests/1_inbox', file), 'utf8'))
  assert.deepEqual(body, {
    version: 1,
    action: 'submit',
    plugin: 'greet',
    args: { who: '-h', times: 2 },
  })
})

test(
  'an author makes a plugin in each language, and it passes its check until it is spoilt',
  needsSandbox,
  async () => {
    const check = (name: string) => seneschal('plugin', 'check', name, '--bubblewrap', bubblewrap ?? '')
    for (const [name, ...language] of [['one'], ['two', '--python'], ['three', '--shell']]) {
      assert.equal((await seneschal('plugin', 'new', name ?? '', ...language)).code, 0)
      const checked = await check(name ?? '')
      assert.deepEqual([checked.code, checked.err], [0, ''], checked.out)
      assert.match(checked.out, /ok {6}example 1: job/)
    }
    assert.match((await seneschal('plugin', 'new', 'one')).err, /cannot be made: EEXIST/)
    assert.equal((await seneschal('plugin', 'new', '../evil')).code, 64)

    const file = join(site, 'work/one/one.ts')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace("=== 'nobody'", "=== 'somebody'"))
    assert.match((await check('one')).out, /FAILED {2}example 2: job; expected refused/)
    writeFileSync(file, text.replace("audit: { name: 'keep' }", 'audit: {}'))
    assert.match((await check('one')).out, /FAILED {2}plugin: .*audit says nothing of name/)
    writeFileSync(file, text)
    chmodSync(file, 0o666)
    const open = await check('one')
    assert.deepEqual([open.code, /chmod go-w/.test(open.out)], [1, true])
  },
)

test('the built-in plugins pass the check that others have to pass', needsSandbox, async () => {
  const root = join(dirname(dirname(import.meta.dirname)), 'plugins')
  const names = readdirSync(root, { withFileTypes: true }).filter((one) => one.isDirectory())
  assert.ok(names.length >= 4)
  for (const { name } of names) {
    const checked = await seneschal('plugin', 'check', join(root, name), '--bubblewrap', bubblewrap ?? '')
    assert.equal(checked.code, 0, checked.out)
  }
})
