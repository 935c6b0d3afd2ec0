/** The audit page's list: what is searched and what is told live, joined without a gap and without a double. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditRecord } from '../../protocol/audit.ts'
import { auditKey, createAuditLog } from '../../web/state/audit-log.ts'
import { daemonRecord } from '../harness/audit-record.ts'
import { until } from '../harness/until.ts'

const record = (seq: number, at = seq): AuditRecord => daemonRecord(seq, { time: new Date(at).toISOString() })

/** A hub's log; questions are answered when the test says so, with what stands there then. */
const startLog = () => {
  const all: AuditRecord[] = []
  const open: (() => void)[] = []
  const log = createAuditLog({
    search: (cursor, limit) =>
      new Promise((resolve) => {
        open.push(() => {
          const sorted = all.toSorted((one, other) => Date.parse(other.time) - Date.parse(one.time))
          const from = cursor === undefined ? 0 : sorted.findIndex((one) => auditKey(one) === cursor) + 1
          const records = sorted.slice(from, from + limit)
          const last = records.at(-1)
          const more = from + limit < sorted.length && last !== undefined
          resolve({ records, cursor: more ? auditKey(last) : null })
        })
      }),
  })
  return {
    all,
    log,
    seqs: () => log.records.value?.map(({ seq }) => seq),
    answer: async () => {
      do {
        await until(() => open.length > 0 || !log.busy.value)
        for (const give of open.splice(0)) give()
        await new Promise(setImmediate)
      } while (log.busy.value)
    },
  }
}
const down = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, index) => from - index)

test('what is recorded while the first page is read stands in the list once', async () => {
  const { all, log, seqs, answer } = startLog()
  for (const seq of down(5, 1)) all.push(record(seq))
  log.renew()
  all.push(record(6))
  log.take([record(6)])
  await answer()
  // Told, but answered before it was recorded: the other order.
  log.take([record(6), record(7)])
  log.show()
  assert.deepEqual(seqs(), down(7, 1))
})

test('after a break in the connection nothing is missing, however much was recorded in it', async () => {
  const { all, log, seqs, answer } = startLog()
  for (const seq of down(150, 1)) all.push(record(seq))
  log.renew()
  await answer()
  log.older()
  await answer()
  assert.deepEqual(seqs(), down(150, 1))
  log.take([record(151)])
  all.push(record(151))
  log.show()
  for (const seq of down(900, 152)) all.push(record(seq))
  log.renew()
  log.take([record(901)])
  await answer()
  assert.deepEqual(seqs(), down(151, 1), 'what somebody reads does not move')
  assert.equal(log.waiting.value.length, 750)
  log.show()
  assert.deepEqual(seqs(), down(901, 1))
  assert.equal(log.cursor.value, null)
})

test('a record that comes late from a daemon takes the place of its time; below the list it waits for its page', async () => {
  const { all, log, seqs, answer } = startLog()
  for (const seq of down(300, 101)) all.push(record(seq))
  log.renew()
  await answer()
  const [between, below] = [record(1000, 250), record(1001, 110)]
  all.push(between, below)
  log.take([between, below])
  log.show()
  assert.deepEqual(seqs(), [...down(300, 251), 1000, ...down(250, 201)])
  log.older()
  await answer()
  assert.deepEqual(seqs()?.slice(-10), [110, 1001, ...down(109, 102)])
})

test('a flood behind a reader is not kept: the newest are read again when they are wanted', async () => {
  const { all, log, seqs, answer } = startLog()
  for (const seq of down(10, 1)) all.push(record(seq))
  log.renew()
  await answer()
  for (const from of [11, 311, 611]) {
    const told = down(from + 299, from)
      .toReversed()
      .map((seq) => record(seq))
    all.push(...told)
    log.take(told)
  }
  assert.deepEqual([log.behind.value, log.waiting.value.length], [true, 0])
  assert.deepEqual(seqs(), down(10, 1), 'the reader keeps the place')
  log.show()
  await answer()
  assert.deepEqual(seqs(), down(910, 811))
  log.older()
  await answer()
  assert.deepEqual(seqs(), down(910, 711))
})

test('a failed question says so, and the next one goes on', async () => {
  let fail = true
  const log = createAuditLog({
    search: async () => {
      if (fail) throw new Error('away')
      return { records: [record(1)], cursor: null }
    },
  })
  log.renew()
  await until(() => log.error.value !== undefined)
  assert.equal(log.records.value, undefined)
  fail = false
  log.renew()
  await until(() => log.records.value?.length === 1)
  assert.equal(log.error.value, undefined)
})
