/** Row 27: an audit log that was changed behind its writer's back. */
import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openChain } from '../../durable/chain.ts'
import { type Anchor, type BadRecord, verifyChain } from '../../durable/chain-verify.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const day = 86_400_000
const start = Date.parse('2026-11-22T12:00:00Z')
const writer = 'daemon/one'
const [first, second] = ['audit-daemon-one-20261122.ndjson', 'audit-daemon-one-20261123.ndjson']

type Tamper = (lines: string[]) => string[]

/** Six records in two files; `tamper` changes the lines of the first. */
const tampered = async (t: TestContext, tamper: Tamper): Promise<{ dir: string; head: string }> => {
  const dir = await temporaryDirectory(t)
  let now = start
  const chain = await openChain({ dir, writer, now: () => now })
  for (let count = 1; count <= 6; count += 1) {
    if (count === 5) now += day
    await chain.append({ event: 'action.done', outcome: 'done', person: 'mel', account: 'a', action: 'hold' })
  }
  const head = chain.head()
  await chain.close()
  const path = join(dir, first)
  const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1)
  await writeFile(
    path,
    tamper(lines)
      .map((line) => `${line}\n`)
      .join(''),
  )
  return { dir, head }
}

const firstBad = async (dir: string, anchors: readonly Anchor[] = []): Promise<BadRecord | undefined> => {
  const { ok, chains } = await verifyChain(dir, { anchors })
  assert.equal(
    ok,
    chains.every(({ bad }) => bad === undefined),
  )
  return chains.find(({ bad }) => bad !== undefined)?.bad
}

const flip: Tamper = ([a = '', b = '', ...rest]) => [a, b.replace('mel', 'joe'), ...rest]
const place = ({ file, line, seq }: BadRecord | undefined = { file: '', line: 0, seq: 0, why: '' }) => [
  file,
  line,
  seq,
]

test('an untouched log is good', async (t) => {
  const { dir, head } = await tampered(t, (lines) => lines)
  assert.equal(await firstBad(dir, [{ writer, head }]), undefined)
})

test('a changed name is found at its record', async (t) => {
  const { dir } = await tampered(t, flip)
  assert.deepEqual(place(await firstBad(dir)), [first, 2, 2])
})

test('every single changed byte is found', async (t) => {
  const { dir } = await tampered(t, (lines) => lines)
  const whole = await readFile(join(dir, first))
  for (let at = 0; at < whole.length; at += 1) {
    const changed = Buffer.from(whole)
    changed[at] = (changed[at] ?? 0) ^ 1
    await writeFile(join(dir, first), changed)
    assert.notEqual(await firstBad(dir), undefined, `byte ${at}`)
  }
})

test('a key added twice, which JSON.parse would not show, is found', async (t) => {
  const { dir } = await tampered(t, ([a = '', ...rest]) => [a.replace('{', '{"person":"joe",'), ...rest])
  assert.deepEqual(place(await firstBad(dir)), [first, 1, 1])
})

test('a deleted record is found where it was', async (t) => {
  const { dir } = await tampered(t, (lines) => lines.filter((_, index) => index !== 1))
  assert.deepEqual(place(await firstBad(dir)), [first, 2, 2])
})

test('two swapped records are found', async (t) => {
  const { dir } = await tampered(t, ([a = '', b = '', c = '', ...rest]) => [a, c, b, ...rest])
  assert.deepEqual(place(await firstBad(dir)), [first, 2, 2])
})

test('records cut off the end of a day are found at the next day', async (t) => {
  const { dir } = await tampered(t, (lines) => lines.slice(0, 3))
  assert.deepEqual(place(await firstBad(dir)), [second, 1, 4])
})

test('a tail cut off is found by whoever kept a head', async (t) => {
  const { dir, head } = await tampered(t, (lines) => lines)
  await rm(join(dir, second))
  assert.equal(await firstBad(dir), undefined, 'nothing in the rest tells')
  assert.deepEqual(place(await firstBad(dir, [{ writer, head }])), [first, 5, 5])
  await rm(join(dir, first))
  assert.deepEqual((await firstBad(dir, [{ writer, head }]))?.seq, 1)
})

test('a whole log written anew is found by whoever kept a head', async (t) => {
  const { dir, head } = await tampered(t, () => [])
  await rm(join(dir, first))
  await rm(join(dir, second))
  const forged = await openChain({ dir, writer, now: () => start })
  for (let count = 0; count < 8; count += 1)
    await forged.append({
      event: 'action.done',
      outcome: 'done',
      person: 'joe',
      account: 'a',
      action: 'hold',
    })
  await forged.close()
  assert.equal(await firstBad(dir), undefined)
  assert.deepEqual(place(await firstBad(dir, [{ writer, head }])), [first, 6, 6])
})

test('a first day that is gone is found, unless its last head was kept', async (t) => {
  const { dir } = await tampered(t, (lines) => lines)
  const report = (await readFile(join(dir, first), 'utf8')).trimEnd().split('\n').at(-1) ?? ''
  const kept = `4:${(JSON.parse(report) as { hash: string }).hash}`
  await rm(join(dir, first))
  assert.deepEqual(place(await firstBad(dir)), [second, 1, 1])
  assert.equal(await firstBad(dir, [{ writer, head: kept }]), undefined)
})

test('half a record at the end is found', async (t) => {
  const { dir } = await tampered(t, (lines) => lines)
  const path = join(dir, second)
  await writeFile(path, (await readFile(path)).subarray(0, -10))
  assert.deepEqual(place(await firstBad(dir)), [second, 2, 6])
})

test('a record of another writer put into the chain is found', async (t) => {
  const { dir } = await tampered(t, ([a = '', ...rest]) => [
    a,
    ...rest.map((line) => line.replace('/one', '/two')),
  ])
  assert.deepEqual(place(await firstBad(dir)), [first, 2, 2])
})
