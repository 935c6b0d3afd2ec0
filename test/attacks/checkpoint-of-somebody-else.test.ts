/** Row 27: heads of the audit log that are kept outside are forged, swapped, or said by who is no writer of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importJWK, type JWK, SignJWT } from 'jose'
import { startOutlets } from '../../durable/audit-outlets.ts'
import { openChain } from '../../durable/chain.ts'
import { type Checkpoint, checkpointType } from '../../protocol/checkpoints.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { syslogMessage } from '../../protocol/syslog.ts'
import { grantType } from '../../protocol/tokens.ts'
import { createCheckpointReader, createCheckpointSigner } from '../../wire/checkpoints.ts'
import { openSink } from '../../wire/sinks.ts'
import { generateKey, publicHalf } from '../../wire/tokens.ts'
import { parseMessage, startCollector } from '../harness/syslog.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const claims: Checkpoint = { iss: 'hub/one', sub: 'test', seq: 5, hash: 'ab'.repeat(32), iat: 1_795_000_000 }
const lineOf = (jws: string) => `${JSON.stringify({ checkpoint: jws })}\n`

const signAs = async (key: JWK, header: Record<string, string>, body: object = claims) =>
  new SignJWT({ ...body })
    .setProtectedHeader({ alg: 'EdDSA', kid: key.kid ?? '', typ: checkpointType, ...header })
    .sign(await importJWK(key, 'EdDSA'))

test('only what the writer’s key signed as a checkpoint is one', async () => {
  const [key, other] = [await generateKey(), await generateKey()]
  const read = createCheckpointReader([JSON.stringify(publicHalf(key))])
  const good = lineOf(await (await createCheckpointSigner(key))(claims))
  assert.deepEqual(
    (await read(good, 'f')).map(({ writer, head }) => [writer, head]),
    [['hub/one', `5:${'ab'.repeat(32)}`]],
  )
  const [head = '', body = '', signature = ''] = (JSON.parse(good).checkpoint as string).split('.')
  const changed = Buffer.from(JSON.stringify({ ...claims, seq: 4 })).toString('base64url')
  const unsigned = Buffer.from(JSON.stringify({ alg: 'none', typ: checkpointType })).toString('base64url')
  const lies = {
    'signed by another key': lineOf(await signAs({ ...other, kid: key.kid ?? '' }, {})),
    'a grant': lineOf(await signAs(key, { typ: grantType })),
    'its number changed': lineOf([head, changed, signature].join('.')),
    unsigned: lineOf([unsigned, body, ''].join('.')),
    'more in it': lineOf(await signAs(key, {}, { ...claims, more: 1 })),
    'no hash': lineOf(await signAs(key, {}, { ...claims, hash: 'x' })),
    'no line of the file’s': '{"checkpoint":1}\n',
    'half a line': good.slice(0, 100),
  }
  for (const [what, text] of Object.entries(lies))
    await assert.rejects(
      read(good + text, 'heads'),
      (error) =>
        error instanceof SeneschalError &&
        error.code === 'token.invalid' &&
        /^heads:2: /.test(error.detail ?? ''),
      what,
    )
})

test('what people write cannot end a message, nor begin another, nor add a parameter', async (t) => {
  const chain = await openChain({ dir: await temporaryDirectory(t), writer: 'hub/one', now: Date.now })
  t.after(chain.close)
  for (const reason of [
    '"] [x@1 seq="1"]',
    'line\n<110>1 - - - - - - forged',
    '\\"',
    '\\',
    ']',
    '\ufeff\u2028\u0000\u001b[2J',
    '" seq="1',
  ]) {
    const record = await chain.append({
      event: 'action.done',
      outcome: 'done',
      person: 'mel',
      account: 'a',
      action: 'hold',
      reason,
      args: { [reason]: reason },
    })
    const line = syslogMessage(record, 'h')
    assert.doesNotMatch(line.slice(1), /\p{Cc}|\u2028/u)
    const { data, text } = parseMessage(line)
    assert.deepEqual([data.seq, data.person, data.writer], [String(record.seq), 'mel', 'hub/one'])
    assert.equal(text, 'User mel held a account')
  }
})

test('a collector that takes connections and reads nothing holds nobody up, and stops no stop', async (t) => {
  const collector = await startCollector(t, 0, { reads: false })
  const dir = await temporaryDirectory(t)
  const chain = await openChain({ dir, writer: 'hub/one', now: Date.now })
  const outlets = startOutlets({
    sinks: [{ name: 'mute', to: collector.to, records: true, checkpoints: true }],
    ...{ openSink, sign: await createCheckpointSigner(await generateKey()), dir, writer: 'hub/one' },
    ...{ site: 'test', host: 'h', checkpointEveryMs: 10, head: chain.head, now: Date.now },
    onProblem: () => undefined,
  })
  const reason = 'x'.repeat(900)
  for (let count = 0; count < 2000; count += 1) {
    const append = chain.append({ event: 'action.done', outcome: 'done', person: 'mel', reason })
    if (count % 100 === 0) outlets.noted(await append)
    else void append.then(outlets.noted)
  }
  const began = performance.now()
  await outlets.close()
  assert.ok(performance.now() - began < 2000)
  await chain.close()
})
