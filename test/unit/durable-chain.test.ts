import assert from 'node:assert/strict'
import { appendFile, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openChain } from '../../durable/chain.ts'
import { readChain, verifyChain } from '../../durable/chain-verify.ts'
import { type Disk, realDisk } from '../../durable/disk.ts'
import type { AuditEntry, AuditRecord } from '../../protocol/audit.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const noon = Date.parse('2026-11-22T12:00:00Z')
const writer = 'hub/one'
const stopped: AuditEntry = {
  event: 'action.done',
  outcome: 'done',
  person: 'jacintar',
  account: 'atmosphere_stage',
  workflow: 'clouds',
  task: 'climb',
  cycle: '1234',
  action: 'stop',
  args: { mode: 'now' },
}

test('a record says who did what in one sentence, and follows the one before it', async (t) => {
  const dir = await temporaryDirectory(t)
  const chain = await openChain({ dir, writer, now: () => noon })
  assert.equal(chain.head(), `0:${'0'.repeat(64)}`)
  const first = await chain.append(stopped)
  const second = await chain.append({
    event: 'elevation.raised',
    outcome: 'done',
    person: 'mel',
    tail: 'to execute',
  })
  assert.equal(first.sentence, 'User jacintar stopped atmosphere_stage.clouds.climb.1234 task')
  assert.equal(second.sentence, 'User mel raised privileges to execute')
  assert.deepEqual([first.seq, second.seq, second.person, second.task], [1, 2, 'mel', null])
  assert.equal(chain.head(), `2:${second.hash}`)
  assert.deepEqual(chain.last(), second)
  await chain.close()
  assert.deepEqual(await readdir(dir), ['audit-hub-one-20261122.ndjson'])
  assert.equal((await stat(join(dir, 'audit-hub-one-20261122.ndjson'))).mode & 0o7777, 0o600)
  const report = await verifyChain(dir)
  assert.equal(report.ok, true)
  assert.deepEqual(report.chains[0], {
    dir,
    writer,
    files: 1,
    records: 2,
    head: `2:${second.hash}`,
    anchored: 0,
    bad: undefined,
  })
})

test('a chain goes on over days, a clock set back, restarts and half a line', async (t) => {
  const dir = await temporaryDirectory(t)
  const day = 86_400_000
  for (const [index, at] of [noon, noon + day, noon - day, noon + 2 * day].entries()) {
    const chain = await openChain({ dir, writer, now: () => at })
    assert.equal((await chain.append(stopped)).seq, index + 1)
    await chain.close()
    const newest = (await readdir(dir)).sort().at(-1) ?? ''
    await appendFile(join(dir, newest), '{"time":"2026-11-')
  }
  // What the crash left behind the last record is no record: the next writer cuts it off.
  const chain = await openChain({ dir, writer, now: () => noon + 2 * day })
  await chain.append(stopped)
  await chain.close()
  assert.deepEqual((await readdir(dir)).length, 3)
  const report = await verifyChain(dir)
  assert.equal(report.chains[0]?.records, 5, JSON.stringify(report))
  assert.equal(report.ok, true)
  const after: number[] = []
  for await (const record of readChain(dir, { writer, after: 3 })) after.push(record.seq)
  assert.deepEqual(after, [4, 5])
})

test('500 records that wait together share a few syncs and form one chain', async (t) => {
  const dir = await temporaryDirectory(t)
  let syncs = 0
  const disk: Disk = {
    ...realDisk,
    sync: (fd) => {
      syncs += 1
      return realDisk.sync(fd)
    },
  }
  const chain = await openChain({ dir, writer, now: () => noon, disk })
  const records = await Promise.all(Array.from({ length: 500 }, () => chain.append(stopped)))
  assert.deepEqual(
    records.map(({ seq }) => seq),
    Array.from({ length: 500 }, (_, index) => index + 1),
  )
  assert.ok(syncs <= 10, `${syncs} syncs`)
  await chain.close()
  assert.equal((await verifyChain(dir)).ok, true)
})

test('two writers in one directory have a chain each', async (t) => {
  const dir = await temporaryDirectory(t)
  const hub = await openChain({ dir, writer, now: () => noon })
  const daemon = await openChain({ dir, writer: 'daemon/one', now: () => noon })
  await hub.append(stopped)
  await daemon.append(stopped)
  await daemon.append(stopped)
  await hub.close()
  await daemon.close()
  const report = await verifyChain(dir)
  assert.deepEqual(
    report.chains.map(({ writer, records, bad }) => [writer, records, bad]),
    [
      ['daemon/one', 2, undefined],
      ['hub/one', 1, undefined],
    ],
  )
  const all: AuditRecord[] = []
  for await (const record of readChain(dir)) all.push(record)
  assert.equal(all.length, 3)
})

test('a chain whose last record was changed does not open', async (t) => {
  const dir = await temporaryDirectory(t)
  const chain = await openChain({ dir, writer, now: () => noon })
  await chain.append(stopped)
  await chain.close()
  const path = join(dir, 'audit-hub-one-20261122.ndjson')
  await writeFile(path, (await readFile(path, 'utf8')).replace('"seq":1', '"seq":01'))
  await assert.rejects(
    openChain({ dir, writer, now: () => noon }),
    (error) => error instanceof SeneschalError && error.code === 'audit.unwritable',
  )
  await assert.rejects(openChain({ dir, writer: 'hub/../x', now: () => noon }), SeneschalError)
})

test('a text that is too long is cut, so that nobody can prevent a record', async (t) => {
  const dir = await temporaryDirectory(t)
  const chain = await openChain({ dir, writer, now: () => noon })
  const record = await chain.append({
    event: 'session.refused',
    outcome: 'refused',
    person: `${'x'.repeat(62)}😀😀`,
    reason: '\u0007'.repeat(1000),
  })
  assert.equal(record.person?.isWellFormed(), true)
  assert.ok((record.person?.length ?? 0) <= 64 && (record.reason?.length ?? 0) <= 1000)
  await chain.close()
  assert.equal((await verifyChain(dir)).ok, true)
})
