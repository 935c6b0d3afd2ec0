/** Where the daemon's log and audit lines go, and what becomes of them when they are rotated. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openLog } from '../../daemon/log.ts'
import { openSyslogOutput } from '../../daemon/syslog.ts'
import { auditLine, openAuditLines } from '../../durable/audit-lines.ts'
import { createRecord, genesis } from '../../durable/chain-record.ts'
import type { AuditEntry } from '../../protocol/audit.ts'
import { daemonSite, elevated, spawnDaemon } from '../harness/daemon.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const record = (seq: number, more: Partial<AuditEntry> = {}) =>
  createRecord(
    { event: 'action.done', outcome: 'done', person: 'jacintar', action: 'hold', ...more },
    { writer: 'daemon/main', seq, at: Date.parse('2026-11-22T06:00:00Z'), previous: genesis },
  )
const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '')

test('an audit record is one line of keys and values, whatever is in it', () => {
  const line = auditLine(
    record(7, { reason: 'a "b"\n=\u2028\u202e\u001b[31m', args: { mode: 'now\u2028\u202e' } }),
  )
  assert.equal(line.split('\n').length, 2)
  assert.match(
    line,
    /^2026-11-22T06:00:00\.000Z writer=daemon\/main seq=7 event=action\.done person=jacintar /,
  )
  assert.match(line, / args="\{\\"mode\\":.*\}" outcome=done /)
  assert.match(line, / reason="a \\"b\\"/)
  assert.ok(
    [...line.trimEnd()].every((sign) => sign >= ' ' && sign <= '~'),
    line,
  )
  assert.ok(!line.includes('null'), 'what does not apply is left out')
})

test('lines that a crash swallowed come with the next start; a rotated file begins anew', async (t) => {
  const path = join(await temporaryDirectory(t), 'audit.log')
  const settings = { path, writer: 'daemon/main' }
  const first = openAuditLines({ ...settings, recent: [record(1)] })
  first.write(record(2))
  first.close()
  assert.deepEqual(read(path).match(/seq=\d+/g), ['seq=2'], 'a file that never was begins now')
  openAuditLines({ ...settings, recent: [record(1), record(2), record(3)] }).close()
  assert.deepEqual(read(path).match(/seq=\d+/g), ['seq=2', 'seq=3'])
  const second = openAuditLines({ ...settings, recent: [] })
  renameSync(path, `${path}.1`)
  second.write(record(4))
  await until(() => read(`${path}.1`).includes('seq=4'))
  second.reopen()
  second.write(record(5))
  second.close()
  assert.deepEqual(read(path).match(/seq=\d+/g), ['seq=5'])
})

test('each component has its own level', () => {
  const lines: string[] = []
  const { log } = openLog(
    { to: 'stdout', level: 'warn', levels: { plugins: 'info', hosts: 'error' } },
    { write: (line) => void lines.push(line) },
  )
  log.info({}, 'daemon, too low')
  log.of?.('plugins').info({}, 'plugins')
  log.of?.('hosts').warn({}, 'hosts, too low')
  log.of?.('hosts').error({}, 'hosts')
  const said = lines.map((line) => JSON.parse(line) as { component: string; msg: string })
  assert.deepEqual(
    said.map(({ component, msg }) => [component, msg]),
    [
      ['plugins', 'plugins'],
      ['hosts', 'hosts'],
    ],
  )
})

test('the system’s log gets each line with its severity', async (t) => {
  const socket = join(await temporaryDirectory(t), 'log')
  const listen = `import socket,sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print('up', flush=True)
while True: print(s.recv(65536).decode(), flush=True)`
  const receiver = spawn('python3', ['-c', listen, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => receiver.kill())
  let got = ''
  receiver.stdout.on('data', (chunk: Buffer) => {
    got += chunk.toString()
  })
  await until(() => got.includes('up'))
  const output = openSyslogOutput({ tag: 'seneschald', socket })
  t.after(output.close)
  const { log } = openLog({ to: 'stdout', level: 'info', levels: {} }, output)
  log.info({}, 'as usual')
  log.error({}, 'as never')
  await until(() => got.includes('as never'))
  assert.match(got, /<30>1 \S+ \S+ seneschald .*"msg":"as usual"/)
  assert.match(got, /<27>1 \S+ \S+ seneschald .*"msg":"as never"/)
})

test('SIGHUP opens log and audit lines anew; the chain goes on as one', async (t) => {
  const made = await daemonSite(t, {
    workflows: { 'atmosphere_stage/clouds': 'graph: climb\ntasks: { climb: { script: "true" } }\n' },
    autoplay: false,
  })
  const [logFile, linesFile] = [join(made.dir, 'daemon.log'), join(made.dir, 'audit.log')]
  const config = JSON.parse(read(made.configFile)) as object
  writeFileSync(
    made.configFile,
    JSON.stringify({ ...config, log: { to: { file: logFile } }, auditLines: linesFile }),
  )
  const daemon = spawnDaemon(made)
  made.atEnd(() => daemon.child.kill('SIGKILL'))
  const ask = () =>
    made.ask({ action: 'pause', account: 'atmosphere_stage', workflow: 'clouds' }, elevated('execute'))
  await until(() => read(logFile).includes('"running"'), 20_000)
  await ask()
  await until(() => / action=pause /.test(read(linesFile)))
  renameSync(logFile, `${logFile}.1`)
  renameSync(linesFile, `${linesFile}.1`)
  daemon.child.kill('SIGHUP')
  await until(() => read(logFile).includes('logs were opened anew'))
  await ask()
  await until(() => / action=pause /.test(read(linesFile)))
  const seqs = [read(`${linesFile}.1`), read(linesFile)].flatMap((text) => text.match(/(?<= seq=)\d+/g) ?? [])
  assert.deepEqual(
    seqs,
    [...seqs.keys()].map((index) => String(index + Number(seqs[0]))),
    'no record is missing',
  )
  assert.equal(daemon.output(), '', 'nothing goes to standard output')
  daemon.child.kill('SIGTERM')
  assert.equal(await daemon.ended, 0)
})
