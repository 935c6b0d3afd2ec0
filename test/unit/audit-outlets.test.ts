/** The audit log on its way out: to collectors and files, whole, in order, and never waited for. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { auditSinks } from '../../config/audit-sinks.ts'
import { type OutletConfig, startOutlets } from '../../durable/audit-outlets.ts'
import { openChain } from '../../durable/chain.ts'
import { verifyChains } from '../../durable/chain-verify.ts'
import { createCheckpointReader, createCheckpointSigner } from '../../wire/checkpoints.ts'
import { openSink } from '../../wire/sinks.ts'
import { generateKey, publicHalf } from '../../wire/tokens.ts'
import { startCollector, startDatagramCollector } from '../harness/syslog.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const writer = 'hub/one'

const start = async (t: TestContext, sinks: readonly Partial<OutletConfig>[], dir?: string) => {
  const at = dir ?? (await temporaryDirectory(t))
  const chain = await openChain({ dir: at, writer, now: Date.now })
  const key = await generateKey()
  const problems: unknown[] = []
  const outlets = startOutlets({
    sinks: sinks.map((sink, index) => ({
      ...{ name: `s${index}`, to: '', records: true, checkpoints: false },
      ...sink,
    })),
    ...{ openSink, sign: await createCheckpointSigner(key), dir: at, writer, site: 'test' },
    ...{ host: 'web.example', checkpointEveryMs: 10, head: chain.head, now: Date.now },
    onProblem: (_sink, problem) => problems.push(problem),
  })
  let closed = false
  const close = async () => {
    if (closed) return
    closed = true
    await outlets.close()
    await chain.close()
  }
  t.after(close)
  const add = async (reason: string, person = 'jacintar') => {
    const record = await chain.append({
      ...{ event: 'action.done', outcome: 'done', person, account: 'atmosphere_stage' },
      ...{ workflow: 'clouds', action: 'hold', args: { a: '"]\\' }, reason },
    })
    outlets.noted(record)
    return record
  }
  return { dir: at, chain, add, close, problems, publicKey: JSON.stringify(publicHalf(key)) }
}

test('each record comes to a collector once, as RFC 5424 has it, over TCP, a Unix socket and UDP', async (t) => {
  const dir = await temporaryDirectory(t)
  const collectors = [
    await startCollector(t),
    await startCollector(t, join(dir, 'socket')),
    await startDatagramCollector(t),
  ]
  const log = await start(
    t,
    collectors.map(({ to }) => ({ to })),
  )
  // The outlets begin with what comes after them.
  await until(
    async () => (await log.add('warm-up')).seq > 0 && collectors.every(({ messages }) => messages.length > 0),
  )
  const reason = 'said "so" [and] \\more\\ ünd\u202e'
  const record = await log.add(reason)
  for (const { messages } of collectors) {
    await until(() => messages.at(-1)?.data.seq === String(record.seq))
    const { data, ...rest } = messages.at(-1) ?? assert.fail()
    assert.deepEqual(rest, {
      ...{ facility: 13, severity: 6, time: record.time, host: 'web.example', app: 'seneschal' },
      ...{ id: 'action.done', text: 'User jacintar held atmosphere_stage.clouds workflow' },
    })
    assert.equal(data.reason, 'said "so" [and] \\more\\ ünd\\u{202e}')
    assert.deepEqual(JSON.parse(data.args ?? ''), { a: '"]\\' })
    assert.equal(data.hash, record.hash)
    const seqs = messages.map((message) => Number(message.data.seq))
    assert.deepEqual(
      seqs,
      seqs.map((_, index) => index + (seqs[0] ?? 0)),
      'in order and without gaps',
    )
  }
})

test('what a collector missed comes when it is back, also after a restart of the writer', async (t) => {
  const first = await startCollector(t)
  const port = Number(new URL(first.to).port)
  const log = await start(t, [{ to: first.to }])
  await until(async () => (await log.add('before')).seq > 0 && first.messages.length > 0)
  const seen = Number(first.messages.at(-1)?.data.seq)
  await first.close()
  for (let count = 0; count < 20; count += 1) await log.add(`missed ${count}`)
  await until(() => log.problems.length > 0, 10_000)
  await log.close()

  const second = await startCollector(t, port)
  const again = await start(t, [{ to: second.to }], log.dir)
  const last = await again.add('after')
  await until(() => second.messages.at(-1)?.data.seq === String(last.seq), 15_000)
  const seqs = second.messages.map(({ data }) => Number(data.seq))
  assert.ok((seqs[0] ?? Number.POSITIVE_INFINITY) <= seen + 2, `begins with ${seqs[0]} after ${seen}`)
  assert.deepEqual(
    seqs,
    seqs.map((_, index) => index + (seqs[0] ?? 0)),
  )
})

test('over TLS only to a collector that an authority vouches for', async (t) => {
  const dir = await temporaryDirectory(t)
  const pem = (name: string) => {
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
        .concat(['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'])
        .concat(['-keyout', `${name}.key`, '-out', `${name}.pem`]),
      { cwd: dir, stdio: 'ignore' },
    )
    return join(dir, `${name}.pem`)
  }
  const [ours, theirs] = [pem('ours'), pem('theirs')]
  const tls = { key: readFileSync(join(dir, 'ours.key'), 'utf8'), cert: readFileSync(ours, 'utf8') }
  const collector = await startCollector(t, 0, { tls })
  const log = await start(t, [
    { to: collector.to, ca: ours, name: 'good' },
    { to: collector.to, ca: theirs, name: 'bad' },
  ])
  await until(async () => (await log.add('x')).seq > 0 && collector.messages.length > 0, 10_000)
  await until(() => log.problems.some((problem) => /self.signed|certificate/i.test(String(problem))), 10_000)

  // And over HTTPS, where what is refused goes again.
  let answers = 0
  const bodies: string[] = []
  const server = createServer(tls, async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    answers += 1
    if (answers > 1) bodies.push(body)
    response.writeHead(answers === 1 ? 503 : 204).end()
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await until(() => server.listening)
  const to = `https://localhost:${(server.address() as AddressInfo).port}/audit`
  const over = await start(t, [{ to, ca: ours, records: true, checkpoints: true }])
  const record = await over.add('posted')
  await until(() => bodies.join('').includes('"checkpoint"'), 15_000)
  const lines = bodies
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.ok(lines.every((line) => 'checkpoint' in line || line.seq >= record.seq))
})

test('signed heads in a file show a tail that was cut, which the log itself does not', async (t) => {
  const outside = join(await temporaryDirectory(t), 'heads.ndjson')
  const log = await start(t, [{ to: `file://${outside}`, records: false, checkpoints: true }])
  for (let count = 0; count < 5; count += 1) await log.add(`record ${count}`)
  const read = createCheckpointReader([log.publicKey])
  const heads = async () => read(await readFile(outside, 'utf8').catch(() => ''), 'heads.ndjson')
  await until(async () => (await heads()).some(({ head }) => head.startsWith('5:')), 10_000)
  await log.close()
  const anchors = await heads()
  assert.equal((await verifyChains([log.dir], { anchors })).ok, true)

  const [file = ''] = (await import('node:fs'))
    .readdirSync(log.dir)
    .filter((name) => name.endsWith('.ndjson'))
  const path = join(log.dir, file)
  const lines = (await readFile(path, 'utf8')).split('\n')
  await (await import('node:fs/promises')).writeFile(path, `${lines.slice(0, 3).join('\n')}\n`)
  assert.equal((await verifyChains([log.dir])).ok, true, 'it looks whole')
  const { chains } = await verifyChains([log.dir], { anchors })
  assert.match(
    chains[0]?.bad?.why ?? '',
    /^The end is cut off: record \d was written, as a checkpoint of .* says\.$/,
  )
})

test('an address that is none, or has a password, is refused when it is configured', () => {
  const sink = (to: string) => auditSinks.safeParse([{ name: 'x', to }]).success
  for (const to of [
    'tcp://host:514',
    'tls://[::1]:6514',
    'udp://10.0.0.1:514',
    'unix:///dev/log',
    'https://log/x?y',
    'file:///mnt/x',
  ])
    assert.ok(sink(to), to)
  for (const to of [
    'tcp://host',
    'http://log/',
    'host:514',
    'tls://user:pass@host:1',
    'file://host/x',
    'unix://',
    'tcp://host:1/x',
    '',
    'javascript:1',
  ])
    assert.equal(sink(to), false, to)
  const one = { name: 'x', to: 'tcp://host:1' }
  assert.equal(auditSinks.safeParse([one, one]).success, false)
})
