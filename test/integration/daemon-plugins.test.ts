import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { chown, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PluginCatalogue } from '../../protocol/plugins.ts'
import type { RequestRow } from '../../protocol/rows.ts'
import { type DaemonSite, daemonSite, spawnDaemon } from '../harness/daemon.ts'
import {
  bubblewrap,
  daemonWithPlugins,
  needsSandbox,
  pluginDirectory,
  pluginSource,
  workflows,
} from '../harness/plugins.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const account = 'atmosphere_stage'
const isRoot = process.getuid?.() === 0

/** Rows of a kind in the account's feed, the last of each key. */
const feedRows = async <Row>(site: DaemonSite, kind: string): Promise<readonly Row[]> => {
  const dir = site.layout.accountFeed(account)
  const rows = new Map<string, Row>()
  for (const name of (await readdir(dir)).filter((file) => file.startsWith('events-')).sort())
    for (const line of (await readFile(join(dir, name), 'utf8')).trim().split('\n').filter(Boolean))
      for (const put of (JSON.parse(line) as { put: { kind: string; key: string; row: Row }[] }).put)
        if (put.kind === kind) rows.set(put.key, put.row)
  return [...rows.values()]
}
const requestRow = async (site: DaemonSite, id: string): Promise<RequestRow> => {
  let found: RequestRow | undefined
  await until(async () => {
    found = (await feedRows<RequestRow>(site, 'request')).find(
      (row) => row.id === id && row.state !== 'waiting',
    )
    return found !== undefined
  })
  assert.ok(found)
  return found
}
const run = (site: DaemonSite, plugin: string, args: Record<string, unknown>, more: object = {}) =>
  site.ask({ action: 'submit', plugin, args, ...more })

const jobOutput = async (site: DaemonSite, id: string, number = '01'): Promise<string> => {
  const jobs = join(site.jobRoot(account), '_submit/log/job')
  for (const time of await readdir(jobs))
    if ((await readdir(join(jobs, time))).includes(id))
      return readFile(join(jobs, time, id, number, 'job.out'), 'utf8')
  throw new Error(`no job of ${id}`)
}

test(
  'a person runs echo: answered, audited with name, version and digest, in the catalogue without settings',
  needsSandbox,
  async (t) => {
    const site = await daemonWithPlugins(t, [], [{ name: 'echo', settings: { longest: 20 } }])
    const answer = await run(site, 'echo', { text: ['good', 'morning'] })
    assert.equal(answer.state, 'done')
    const row = await requestRow(site, answer.id)
    assert.equal(row.reason, 'good morning')
    const { plugins } = JSON.parse(
      await readFile(join(site.layout.publicFeed, 'plugins.json'), 'utf8'),
    ) as PluginCatalogue
    const [echo] = plugins
    assert.ok(echo)
    assert.deepEqual(row.plugin, { name: 'echo', version: '1.0.0', digest: echo.digest })
    assert.deepEqual(
      [echo.default, echo.positional, Object.hasOwn(echo, 'settings')],
      [true, ['text'], false],
    )
    const audit = (await site.audit()).split('\n').find((line) => line.includes('action.done'))
    assert.match(audit ?? '', new RegExp(`"plugin":"echo@1.0.0","digest":"${echo.digest}","args":\\{"text"`))
    assert.match(await site.audit(), /plugin\.activated.*echo@1\.0\.0/)
  },
)

test(
  'the rule refuses with its reason, the schema with what is wrong; what is not active does not exist',
  needsSandbox,
  async (t) => {
    const site = await daemonWithPlugins(
      t,
      [],
      [{ name: 'echo', settings: { longest: 3 }, accounts: [account] }],
    )
    const refused = await run(site, 'echo', { text: ['four'] })
    assert.deepEqual([refused.state, refused.code], ['refused', 'plugin.refused'])
    assert.equal((await requestRow(site, refused.id)).reason, 'Not more than 3 characters.')
    const invalid = await run(site, 'echo', { text: 'four', other: 1 })
    assert.deepEqual([invalid.state, invalid.code], ['refused', 'args.invalid'])
    assert.equal((await requestRow(site, invalid.id)).reason, 'text is not a list; there is no other')
    for (const plugin of ['checksum', 'echo@2.0.0', 'toString'])
      assert.equal((await run(site, plugin.toLowerCase(), {})).code, 'plugin.none')
    assert.equal((await run(site, 'echo', { text: ['a'] }, { task: undefined })).state, 'done')
    assert.equal(
      (await site.ask({ action: 'submit', plugin: 'echo', args: {} }, { elevation: null })).code,
      'elevation.required',
    )
  },
)

test('with no active plugin, every plugin request is refused', async (t) => {
  const site = await daemonWithPlugins(t, [], [])
  assert.equal((await run(site, 'echo', { text: ['a'] })).code, 'plugin.none')
  assert.equal((await run(site, 'echo@1.0.0', {})).code, 'plugin.none')
  assert.equal(await readFile(join(site.layout.publicFeed, 'plugins.json'), 'utf8'), '{"v":1,"plugins":[]}\n')
})

const description = `{"version":"1.0.0","help":"Greet.","arguments":{"type":"object","properties":{"who":{"type":"string"}}},"positional":["who"],"audit":{"who":"hide"},"settings":{"type":"object"}}`
const python = `import json, sys
call = json.loads(sys.stdin.readline())
if call["op"] == "describe":
    print('${description}')
elif call["op"] == "authorize":
    ok = call["request"]["args"].get("who") != "nobody"
    print(json.dumps({"allowed": True} if ok else {"allowed": False, "reason": "Nobody is greeted."}))
else:
    print(json.dumps({"kind": "sequence", "steps": [], "message": "Hello " + call["args"]["who"]}))
`
const shell = `#!/bin/sh
while read -r line; do
  case $line in
    *'"op":"describe"'*) echo '${description}' ;;
    *'"op":"authorize"'*) echo '{"allowed":true}' ;;
    *) echo '{"kind":"sequence","steps":[],"message":"from the shell"}' ;;
  esac
done
`

test('plugins in Python and in shell answer the same questions', needsSandbox, async (t) => {
  const directory = await pluginDirectory(t, { 'greet/greet.py': python, 'hail/hail': shell })
  const site = await daemonWithPlugins(t, [directory], [{ name: 'greet' }, { name: 'hail' }])
  const [greeted, refused, hailed] = await Promise.all([
    run(site, 'greet', { who: 'Ada' }),
    run(site, 'greet', { who: 'nobody' }),
    run(site, 'hail', {}),
  ])
  assert.equal((await requestRow(site, greeted.id)).reason, 'Hello Ada')
  assert.equal((await requestRow(site, refused.id)).reason, 'Nobody is greeted.')
  assert.equal((await requestRow(site, hailed.id)).reason, 'from the shell')
  const audited = (await site.audit()).split('\n').find((line) => line.includes(greeted.id))
  assert.match(audited ?? '', /"args":\{"who":"\(given\)"\}/)
})

const say = (version: string) =>
  pluginSource({ version, plan: `return { kind: 'sequence', steps: [], message: '${version}' }` })

test(
  'two versions are active at once: the name asks for the first, name@version for that one',
  needsSandbox,
  async (t) => {
    const directory = await pluginDirectory(t, {
      'tool/tool.ts': say('1.0.0'),
      'tool@2.0.0/tool.ts': say('2.0.0'),
    })
    const site = await daemonWithPlugins(
      t,
      [directory],
      [
        { name: 'tool', version: '2.0.0' },
        { name: 'tool', version: '1.0.0' },
      ],
    )
    const said = async (ref: string) => (await requestRow(site, (await run(site, ref, {})).id)).reason
    assert.deepEqual(
      [await said('tool'), await said('tool@1.0.0'), await said('tool@2.0.0')],
      ['2.0.0', '1.0.0', '2.0.0'],
    )
  },
)

const nasty = ["it's", '$(id)', '`id`', '; id', '-rf', '*', 'two\nlines', '\\n', '"', '', 'ünï']

test(
  'command runs a listed program as the account with exactly the words given; its log is a job’s',
  needsSandbox,
  async (t) => {
    const commands = {
      show: { program: '/usr/bin/printf', always: ['<%s>\\n'], more: '[^]*' },
      fail: { program: '/bin/false' },
    }
    const site = await daemonWithPlugins(t, [], [{ name: 'command', settings: { commands } }])
    const shown = await run(site, 'command', { command: 'show', words: nasty })
    assert.equal(shown.state, 'done')
    assert.equal(await jobOutput(site, shown.id), nasty.map((word) => `<${word}>\n`).join(''))
    const failed = await run(site, 'command', { command: 'fail' })
    assert.deepEqual([failed.state, failed.code], ['failed', 'step.failed'])
    assert.match((await requestRow(site, failed.id)).reason ?? '', /exit 1/)
    const extra = await run(site, 'command', { command: 'fail', words: ['more'] })
    assert.equal(extra.code, 'plugin.refused')
    const jobs = await feedRows<{ task: string; state: string }>(site, 'job')
    assert.deepEqual(
      jobs.map(({ task, state }) => [task, state]).sort(),
      [
        [shown.id, 'succeeded'],
        [failed.id, 'failed'],
      ].sort(),
    )
  },
)

test('checksum reads below its roots and nowhere else, links included', needsSandbox, async (t) => {
  const dir = await temporaryDirectory(t)
  await mkdir(join(dir, 'data/deep'), { recursive: true })
  await writeFile(join(dir, 'data/deep/a file'), 'abc')
  await writeFile(join(dir, 'secret'), 'secret')
  const { symlink } = await import('node:fs/promises')
  await symlink('../secret', join(dir, 'data/way-out'))
  const site = await daemonWithPlugins(
    t,
    [],
    [{ name: 'checksum', settings: { roots: [join(dir, 'data')] } }],
  )
  const good = await run(site, 'checksum', { path: [join(dir, 'data')] })
  assert.equal(good.state, 'done')
  assert.equal(
    await jobOutput(site, good.id),
    `ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  ${join(dir, 'data/deep/a file')}\n`,
  )
  assert.equal((await run(site, 'checksum', { path: [join(dir, 'secret')] })).code, 'plugin.refused')
  const link = await run(site, 'checksum', { path: [join(dir, 'data/way-out')] })
  assert.equal(link.code, 'step.failed')
  assert.equal(await jobOutput(site, link.id), '')
})

/** Each job appends a line, so that one that ran twice shows. */
const steps = (dir: string): string =>
  pluginSource({
    plan: `
    const job = (name, wait) => ({ kind: 'job', script: 'echo ' + name + ' >>${dir}/ran\\n' + (wait ? 'while [ ! -e ${dir}/go ]; do sleep 0.05; done' : '') })
    return { kind: 'sequence', message: 'all done', steps: [
      { kind: 'parallel', steps: [job('left', true), job('right', true)] }, job('last', false) ] }`,
  })

test(
  'steps under way survive the kill of the daemon, each runs once, and the plan is the one that was made',
  needsSandbox,
  async (t) => {
    const dir = await temporaryDirectory(t)
    const directory = await pluginDirectory(t, { 'steps/steps.ts': steps(dir) })
    const site = await daemonSite(t, {
      workflows,
      autoplay: false,
      plugins: { directories: [directory], active: [{ name: 'steps', version: '1.0.0' }], bubblewrap },
    })
    const first = spawnDaemon(site)
    site.atEnd(() => first.child.kill('SIGKILL'))
    await until(async () => (await readdir(site.layout.inbox).catch(() => undefined)) !== undefined, 20_000)
    const made = await site.grant({ action: 'submit', plugin: 'steps', args: {} })
    await site.put({ version: 1, ...made })
    const ran = () => readFile(join(dir, 'ran'), 'utf8').catch(() => '')
    await until(async () => (await ran()).split('\n').length === 3, 30_000)
    first.child.kill('SIGKILL')
    await first.ended
    // Another version of the plugin, and the run goes on as it was planned.
    await writeFile(
      join(directory, 'steps/steps.ts'),
      pluginSource({ plan: 'throw new Error("never asked")' }),
    )
    await writeFile(join(dir, 'go'), '')
    const second = spawnDaemon(site)
    site.atEnd(async () => {
      second.child.kill('SIGTERM')
      await second.ended
    })
    await until(async () => (await readdir(site.layout.finished)).includes(made.id), 30_000)
    assert.deepEqual((await ran()).trim().split('\n').sort(), ['last', 'left', 'right'])
    assert.ok((await ran()).endsWith('last\n'))
    assert.equal((await requestRow(site, made.id)).reason, 'all done')
  },
)

test(
  'a run is killed: its job ends, nothing more of the plan begins, and its requester is told',
  needsSandbox,
  async (t) => {
    const dir = await temporaryDirectory(t)
    const directory = await pluginDirectory(t, { 'steps/steps.ts': steps(dir) })
    const site = await daemonWithPlugins(t, [directory], [{ name: 'steps' }])
    const made = await site.grant({ action: 'submit', plugin: 'steps', args: {} })
    await site.put({ version: 1, ...made })
    const ran = () => readFile(join(dir, 'ran'), 'utf8').catch(() => '')
    await until(async () => (await ran()).split('\n').length === 3, 30_000)
    const [job] = await feedRows<{ cycle: string; task: string }>(site, 'job')
    assert.equal(job?.task, made.id)
    const target = { workflow: '_submit', cycle: job.cycle }
    assert.equal((await site.ask({ action: 'kill', ...target, task: randomUUID() })).code, 'instance.unknown')
    assert.equal((await site.ask({ action: 'hold', ...target, task: made.id })).code, 'workflow.unknown')
    assert.equal((await site.ask({ action: 'kill', ...target, task: made.id })).state, 'done')
    const answer = await site.answer(made.id)
    assert.deepEqual([answer.state, answer.code], ['failed', 'step.failed'])
    assert.match((await requestRow(site, made.id)).reason ?? '', /killed/)
    assert.doesNotMatch(await ran(), /last/)
  },
)

test('a user who is no account asks for a plugin that the site opened to anybody, for no job, and for nothing else', {
  skip: needsSandbox.skip || (isRoot ? false : 'making a file of another user needs root'),
}, async (t) => {
  const site = await daemonWithPlugins(
    t,
    [],
    [
      { name: 'echo', anyUser: true },
      { name: 'command', anyUser: true, settings: { commands: { now: { program: '/bin/date' } } } },
      { name: 'echo', version: '1.0.1' },
    ],
  )
  const ask = async (body: object) => {
    const id = randomUUID()
    const path = join(site.layout.temp, id)
    await writeFile(path, JSON.stringify({ version: 1, id, ...body }), { mode: 0o640 })
    await chown(path, 65_534, process.getgid?.() ?? 0)
    await rename(path, join(site.layout.inbox, `${id}.json`))
    return site.answer(id)
  }
  const submit = { action: 'submit', plugin: 'echo', args: { text: ['hello'] } }
  assert.equal((await ask(submit)).state, 'done')
  assert.equal((await ask({ ...submit, account })).code, 'permission.denied')
  assert.equal(
    (await ask({ action: 'hold', account, workflow: 'clouds', args: {} })).code,
    'permission.denied',
  )
  const job = await ask({ action: 'submit', plugin: 'command', args: { command: 'now' } })
  assert.deepEqual([job.state, job.code], ['failed', 'plugin.failed'])
  assert.match(await site.audit(), /Account nobody submitted/)
  assert.match(site.daemon.status().problem ?? '', /echo@1\.0\.1.*is version 1\.0\.0/)
})

test('where bubblewrap is missing nothing is activated, and the daemon says so and goes on', async (t) => {
  const site = await daemonWithPlugins(t, [], [{ name: 'echo' }], { bubblewrap: '/nowhere/bwrap' })
  assert.match(site.daemon.status().problem ?? '', /echo@1\.0\.0.*install bubblewrap/)
  assert.match(await site.audit(), /configuration\.refused.*echo@1\.0\.0/)
  assert.equal((await run(site, 'echo', { text: ['a'] })).code, 'plugin.none')
  assert.equal((await site.ask({ action: 'hold', workflow: 'clouds' })).state, 'done')
})

test('told so by the configuration, plugins run without a sandbox', async (t) => {
  const site = await daemonWithPlugins(t, [], [{ name: 'echo' }], { sandbox: 'none' })
  assert.equal((await run(site, 'echo', { text: ['a'] })).state, 'done')
})
