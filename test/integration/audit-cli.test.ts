/** The audit logs of a hub and a daemon from the command line: whole together, broken by name, told as JSON and syslog. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { elevated } from '../harness/daemon.ts'
import { startTestHub } from '../harness/hub.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { parseMessage } from '../harness/syslog.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const main = join(dirname(dirname(import.meta.dirname)), 'cli/main.ts')

const seneschal = (...args: readonly string[]) =>
  new Promise<{ readonly code: number; readonly out: string; readonly err: string }>((resolve) =>
    execFile(process.execPath, [main, ...args], { env: { PATH: process.env.PATH } }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    ),
  )

test('signed heads of both vouch for both logs; a cut is named, and a forged head is none', async (t) => {
  const outside = await temporaryDirectory(t)
  const heads = join(outside, 'heads.ndjson')
  const sinks = (name: string) => [{ name, to: `file://${heads}` }]
  const hub = await startTestHub(t, { config: { auditSinks: sinks('hub'), checkpointEvery: 'PT1S' } })
  const site = await startDaemon(t, {
    workflows: { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' },
    autoplay: false,
    auditSinks: sinks('daemon'),
  })
  await hub.signIn('jacintar')
  assert.equal((await site.ask({ workflow: 'clouds' }, elevated('execute'))).state, 'done')
  const text = () => readFile(heads, 'utf8').catch(() => '')
  const last = async (dir: string) => {
    const [file = ''] = (await readdir(dir)).filter((name) => name.endsWith('.ndjson'))
    return /"hash":"([0-9a-f]{64})"\}\n$/.exec(await readFile(join(dir, file), 'utf8'))?.[1] ?? '?'
  }
  const said = async () =>
    (await text())
      .split('\n')
      .filter(Boolean)
      .map((line) => String(JSON.parse(line).checkpoint).split('.')[1] ?? '')
      .map((body) => JSON.parse(Buffer.from(body, 'base64url').toString()).hash)
  await until(async () => {
    const heads = await said()
    return heads.includes(await last(hub.config.audit)) && heads.includes(await last(site.layout.audit))
  }, 30_000)
  await site.daemon.stop()
  const dirs = [hub.config.audit, site.layout.audit]
  const keys = [
    '--key',
    join(hub.config.keys, 'jwks.json'),
    '--key',
    join(site.layout.audit, 'audit-key.json'),
  ]
  const verify = (...more: readonly string[]) =>
    seneschal('audit', 'verify', ...dirs, '--checkpoints', heads, ...keys, ...more)

  const whole = await verify()
  assert.equal(whole.code, 0, whole.out + whole.err)
  assert.match(whole.out, /hub\/hub: \d+ records, whole, head \d+:[0-9a-f]{64}, \d+ kept elsewhere/)
  assert.match(whole.out, /daemon\/main: \d+ records, whole, head \d+:[0-9a-f]{64}, \d+ kept elsewhere/)
  assert.equal((await verify('--strict')).code, 0)

  const exported = await seneschal('audit', 'export', ...dirs, '--person', 'jacintar')
  const records = exported.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    records.map(({ event }) => event),
    ['session.signed-in', 'action.done'],
  )
  const syslog = await seneschal('audit', 'export', ...dirs, '--event', 'action.done', '--format', 'syslog')
  assert.equal(parseMessage(syslog.out.trimEnd()).data.person, 'jacintar')
  assert.equal((await seneschal('audit', 'export', ...dirs, '--from', '2100-01-01')).out, '')
  assert.notEqual((await seneschal('audit', 'export', join(outside, 'absent'))).code, 0)
  assert.equal((await seneschal('audit', 'export', ...dirs, '--outcome', 'dnoe')).code, 64)

  const [file = ''] = (await readdir(site.layout.audit)).filter((name) => name.startsWith('audit-daemon'))
  const path = join(site.layout.audit, file)
  const lines = (await readFile(path, 'utf8')).split('\n')
  await writeFile(path, `${lines.slice(0, 2).join('\n')}\n`)
  const cut = await verify()
  assert.equal(cut.code, 1)
  assert.match(
    cut.out,
    /daemon\/main: BROKEN at audit-daemon-main-\d+\.ndjson:3, record 3: The end is cut off/,
  )
  assert.match(cut.out, /hub\/hub: \d+ records, whole/)

  await writeFile(heads, `${await text()}{"checkpoint":"a.b.c"}\n`)
  const forged = await verify()
  assert.match(
    forged.err,
    /heads\.ndjson:\d+: this is no checkpoint that one of the keys signed\. \[token\.invalid\]/,
  )
})
