/** A UI server closes a viewer's socket with a code by which the hub says that a session or a right is gone. */
import assert from 'node:assert/strict'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { WebSocketServer } from 'ws'
import { closeCodes } from '../../protocol/frames.ts'
import { startServing } from '../harness/serving.ts'
import { until } from '../harness/until.ts'

const close = (code: number): Buffer => Buffer.from([0x88, 2, code >> 8, code & 0xff])
const text = (payload: string): Buffer => Buffer.from([0x81, payload.length, ...Buffer.from(payload)])

test('whatever code a UI server closes with, the browser hears that it should come back', async (t) => {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const opened: Duplex[] = []
  const hub = await startServing(t, {
    upgrade: (request, raw, head) => sockets.handleUpgrade(request, raw, head, () => opened.push(raw)),
  })
  await hub.open('atmosphere_stage')
  const mel = await hub.signIn('mel')
  const lies: readonly (readonly [what: string, pieces: readonly Buffer[], heard: readonly string[]])[] = [
    ...[...Object.values(closeCodes), 1000, 1008, 1002, 4999].map(
      (code) => [`the code ${code}`, [close(code)], []] as const,
    ),
    ['a close behind data', [Buffer.concat([text('ab'), close(closeCodes.sessionEnded)])], ['ab']],
    [
      'one byte of a close',
      [Buffer.concat([text('ab'), close(closeCodes.sessionEnded).subarray(0, 1)])],
      ['ab'],
    ],
    [
      'a close in pieces, and more behind it',
      [Buffer.from([0x88]), Buffer.from([2, 0x0f]), Buffer.from([0xa2]), text('cd')],
      [],
    ],
    ['a close with a reason', [Buffer.from([0x88, 4, 0x0f, 0xa2, 0x68, 0x69])], []],
    ['a close without a code', [Buffer.from([0x88, 0])], []],
  ]
  for (const [what, pieces, heard] of lies) {
    const { closed, messages } = await mel.socket('/u/atmosphere_stage/stream')
    const raw = opened.at(-1)
    for (const piece of pieces) if (raw?.writable) raw.write(piece)
    assert.equal(await closed, closeCodes.restart, what)
    assert.deepEqual(messages, heard, what)
  }
  await until(() => hub.live.count() === 0)
})
