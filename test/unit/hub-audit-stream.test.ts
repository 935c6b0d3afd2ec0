/** What a record costs the hub while many watch: one look-up for a session, one frame for all who see the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAuditStream } from '../../hub/audit-stream.ts'
import type { AuditHealth, Viewer } from '../../hub/context.ts'
import { decide } from '../../policy/decide.ts'
import { auditFrame } from '../../protocol/api.ts'
import type { AuditRecord } from '../../protocol/audit.ts'
import { daemonRecord } from '../harness/audit-record.ts'
import { permissions } from '../harness/hub.ts'
import { nobody } from '../harness/serving.ts'
import { until } from '../harness/until.ts'

const viewer = (person: string): Viewer => ({ ...nobody, kind: 'person', person, session: `of ${person}` })

test('the sockets of a session are looked up once, and who sees the same is sent the same bytes', async (t) => {
  const snapshot = permissions()
  const lookedUp: string[] = []
  let tell = (_record: AuditRecord): void => undefined
  let tellHealth = (_health: AuditHealth): void => undefined
  let now = 0
  const stream = createAuditStream({
    gate: {
      current: async (of) => {
        lookedUp.push(of.person)
        return { ...of }
      },
    },
    audit: {
      health: () => ({ writable: true }),
      onHealth: (listener) => {
        tellHealth = listener
        return () => undefined
      },
      onRecord: (listener) => {
        tell = listener
        return () => undefined
      },
    },
    policy: {
      snapshot: () => snapshot,
      known: () => true,
      fresh: () => true,
      decide: (question) => decide(snapshot, question),
      onChange: () => () => undefined,
      longestElevation: () => undefined,
    },
    live: { add: () => () => undefined },
    log: { error: (...said: unknown[]) => assert.fail(JSON.stringify(said)) },
    now: () => now,
  })
  t.after(stream.close)
  const closing: (() => void)[] = []
  t.after(() => {
    for (const close of closing) close()
  })
  const watch = (person: string): Buffer[] => {
    const frames: Buffer[] = []
    stream.watch(
      {
        bufferedAmount: 0,
        send: (frame) => void frames.push(frame),
        close: () => undefined,
        on: (event, listener) => {
          if (event === 'close') closing.push(listener)
        },
      },
      viewer(person),
      {},
    )
    return frames
  }
  const mels = Array.from({ length: 50 }, () => watch('mel'))
  const jacintars = Array.from({ length: 50 }, () => watch('jacintar'))
  const all = [...mels, ...jacintars]
  // Old enough that nothing may be told before somebody asked again.
  now = 60_000
  tell(daemonRecord(1))
  tell(daemonRecord(2, { workflow: 'secret', person: 'owner' }))
  await until(() => all.every((frames) => frames.length === 1))
  assert.deepEqual(lookedUp, ['mel', 'jacintar'])
  for (const same of [mels, jacintars]) assert.equal(new Set(same.map(([frame]) => frame)).size, 1)
  const seen = (frames: readonly Buffer[] | undefined) =>
    auditFrame.parse(JSON.parse(String(frames?.at(-1)))).records.map(({ seq, address }) => [seq, address])
  assert.deepEqual([seen(mels[0]), seen(jacintars[0])], [[[1, null]], [[1, '10.0.0.1']]])

  tellHealth({ writable: false })
  assert.ok(all.every((frames) => frames.length === 2))
  assert.equal(auditFrame.parse(JSON.parse(String(mels[0]?.at(-1)))).writable, false)
})
