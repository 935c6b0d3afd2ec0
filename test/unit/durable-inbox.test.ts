import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { chmod, mkdir, readdir, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { putRequest, takeEntry, watchInbox } from '../../durable/inbox.ts'
import { listInTurns } from '../../durable/list-in-turns.ts'
import { parseStrictJson } from '../../durable/strict-json.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const id = '0193a3c0-0000-7000-8000-000000000000'

const directories = async (t: TestContext) => {
  const root = await temporaryDirectory(t)
  const temp = join(root, '0_temp')
  const inbox = join(root, '1_inbox')
  for (const path of [temp, inbox]) {
    await mkdir(path)
    await chmod(path, 0o3777)
  }
  return { temp, inbox, gid: (await stat(inbox)).gid }
}

test('a request that was put in is taken out as it was', async (t) => {
  const { temp, inbox, gid } = await directories(t)
  const before = Date.now()
  await putRequest({ temp, inbox, id, body: { version: 1, id, grant: 'ü' } })
  assert.deepEqual([await readdir(temp), await readdir(inbox)], [[], [`${id}.json`]])
  const taken = await takeEntry(inbox, `${id}.json`, { gid })
  assert.ok(taken.ok)
  assert.deepEqual(parseStrictJson(taken.bytes), { version: 1, id, grant: 'ü' })
  assert.deepEqual([taken.uid, taken.gid], [process.getuid?.(), gid])
  assert.ok(taken.ctimeMs >= before - 10 && taken.ctimeMs <= Date.now() + 10)
  assert.equal((await stat(join(inbox, `${id}.json`))).mode & 0o777, 0o640)
})

test('somebody squatting on the name of a request does not keep it out', async (t) => {
  const { temp, inbox } = await directories(t)
  await mkdir(join(inbox, `${id}.json`))
  await putRequest({ temp, inbox, id, body: { version: 1 } })
  const names = await readdir(inbox)
  assert.equal(names.length, 2)
  assert.ok(names.some((name) => /^0193a3c0-.*-[0-9a-f]{16}\.json$/.test(name)))
})

test('a request that is too large does not get in, and leaves nothing behind', async (t) => {
  const { temp, inbox } = await directories(t)
  await assert.rejects(
    putRequest({ temp, inbox, id, body: 'x'.repeat(65_536) }),
    (error) => error instanceof SeneschalError && error.code === 'input.too-large',
  )
  await assert.rejects(putRequest({ temp, inbox: join(inbox, 'gone'), id, body: 1 }))
  assert.deepEqual([await readdir(temp), await readdir(inbox)], [[], []])
})

test('an entry that is gone by now is no refusal', async (t) => {
  const { inbox, gid } = await directories(t)
  const taken = await takeEntry(inbox, 'gone.json', { gid })
  assert.equal(taken.ok ? undefined : taken.code, 'file.unknown')
  for (const name of ['', '..', '.', '../1_inbox/x', 'a\0b'])
    assert.equal((await takeEntry(inbox, name, { gid })).ok, false)
})

test('a watcher sees what is there, what comes, and what comes while it works', async (t) => {
  const { inbox } = await directories(t)
  await writeFile(join(inbox, 'a'), '')
  const seen: string[] = []
  let running = 0
  const stopping = new AbortController()
  const done = watchInbox({
    dir: inbox,
    pollMs: 60_000,
    onEntries: async (names) => {
      running += 1
      assert.equal(running, 1, 'never twice at once')
      for (const name of names) {
        seen.push(name)
        await unlink(join(inbox, name))
        if (name === 'a') await writeFile(join(inbox, 'while-busy'), '')
      }
      running -= 1
    },
    onProblem: (error) => assert.equal(error, null),
    signal: stopping.signal,
  })
  await until(() => seen.length === 2)
  await writeFile(join(inbox, 'later'), '')
  await until(() => seen.length === 3)
  stopping.abort()
  await done
  assert.deepEqual(seen, ['a', 'while-busy', 'later'])
})

test('a long directory is listed in order and without what is known, and others have their turn meanwhile', async (t) => {
  const dir = await temporaryDirectory(t)
  const expected = Array.from({ length: 5000 }, (_, index) => `${String(index).padStart(5, '0')}.json`)
  for (const name of expected.toReversed()) writeFileSync(join(dir, name), '')
  assert.deepEqual(await listInTurns(dir), { names: expected, total: 5000 })
  const isOdd = (name: string) => /[13579]\.json$/.test(name)
  const turns = { others: 0 }
  const count = setInterval(() => {
    turns.others += 1
  })
  t.after(() => clearInterval(count))
  assert.deepEqual(await listInTurns(dir, isOdd), { names: expected.filter(isOdd), total: 5000 })
  assert.ok(turns.others > 0)
  assert.deepEqual(await listInTurns(await temporaryDirectory(t)), { names: [], total: 0 })
})

test('who comes while a long list is worked on is told of at once', async (t) => {
  const { inbox } = await directories(t)
  await writeFile(join(inbox, 'first'), '')
  const told: string[] = []
  const listed = Promise.withResolvers<void>()
  const enough = Promise.withResolvers<void>()
  const stopping = new AbortController()
  const done = watchInbox({
    dir: inbox,
    pollMs: 60_000,
    onEntries: () => {
      listed.resolve()
      return enough.promise
    },
    onEntry: (name) => told.push(name),
    onProblem: (error) => assert.equal(error, null),
    signal: stopping.signal,
  })
  await listed.promise
  await writeFile(join(inbox, 'newcomer'), '')
  await until(() => told.includes('newcomer'))
  enough.resolve()
  stopping.abort()
  await done
})

test('strict JSON gives what JSON.parse gives, for what is plain', () => {
  const plain = { a: [1, -2.5e3, true, null, 'x\n"\\ü😀'], b: { c: {} }, '': 0, 'a:b{': '}],' }
  assert.deepEqual(parseStrictJson(Buffer.from(JSON.stringify(plain, null, 2))), plain)
})
