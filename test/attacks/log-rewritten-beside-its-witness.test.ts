/** Row 27: a log is rewritten whole, with hashes that fit, or changed for another; what other logs remember tells. */
import assert from 'node:assert/strict'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openChain } from '../../durable/chain.ts'
import { verifyChains } from '../../durable/chain-verify.ts'
import { createOtherHeads } from '../../hub/other-heads.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const noon = Date.parse('2026-11-22T12:00:00Z')
const day = 86_400_000
const hubFile = 'audit-hub-hub-20261122.ndjson'
const act = { person: 'mel', account: 'a_b', action: 'hold' } as const

const writeHub = async (dir: string, person: string, count: number, says?: readonly string[]) => {
  const chain = await openChain({ dir, writer: 'hub/hub', now: () => noon })
  const heads: string[] = []
  for (let at = 0; at < count; at += 1) {
    const anchor = says?.[at] ?? null
    await chain.append({
      ...act,
      person,
      event: 'action.intended',
      outcome: 'allowed',
      request: `r${at}`,
      anchor,
    })
    heads.push(`hub/hub=${chain.head()}`)
  }
  await chain.close()
  return heads
}

/** A hub that said three things, and a daemon that carried them out over two days, each knowing the other's head. */
const site = async (t: TestContext) => {
  const [hub, daemon] = [await temporaryDirectory(t), await temporaryDirectory(t)]
  let now = noon
  const heads = createOtherHeads()
  const ofHub = await openChain({ dir: hub, writer: 'hub/hub', now: () => now })
  const ofDaemon = await openChain({ dir: daemon, writer: 'daemon/main', now: () => now })
  for (const request of ['r0', 'r1', 'r2', 'r3']) {
    if (request === 'r2') now += day
    await ofHub.append({
      ...act,
      event: 'action.intended',
      outcome: 'allowed',
      request,
      anchor: heads.take(),
    })
    const anchor = `hub/hub=${ofHub.head()}`
    heads.note([await ofDaemon.append({ ...act, event: 'action.done', outcome: 'done', request, anchor })])
  }
  await ofHub.close()
  await ofDaemon.close()
  const verify = async (...dirs: readonly string[]) => {
    const { ok, chains } = await verifyChains(dirs)
    const bad = chains.filter((chain) => chain.bad !== undefined).map(({ writer, bad }) => [writer, bad?.seq])
    assert.equal(ok, bad.length === 0)
    return { bad, why: chains.find((chain) => chain.bad !== undefined)?.bad?.why ?? '', chains }
  }
  return { hub, daemon, verify }
}

test('logs that were left alone confirm each other', async (t) => {
  const { hub, daemon, verify } = await site(t)
  const { bad, chains } = await verify(hub, daemon)
  assert.deepEqual(bad, [])
  assert.deepEqual(
    chains.map(({ writer, anchored }) => [writer, anchored]),
    [
      ['hub/hub', 4],
      ['daemon/main', 3],
    ],
  )
})

test('a log written anew names another person, and the daemon remembers', async (t) => {
  const { hub, daemon, verify } = await site(t)
  for (const file of [hubFile, 'audit-hub-hub-20261123.ndjson']) await rm(join(hub, file))
  await writeHub(hub, 'joe', 6)
  assert.deepEqual((await verify(hub)).bad, [], 'nothing in it tells')
  const { bad, why } = await verify(hub, daemon)
  assert.deepEqual(bad, [['hub/hub', 1]])
  assert.match(why, /record 1 of daemon\/main/)
})

test('a cut tail is remembered by the other log, either way round', async (t) => {
  const first = await site(t)
  await rm(join(first.hub, 'audit-hub-hub-20261123.ndjson'))
  assert.deepEqual((await first.verify(first.daemon, first.hub)).bad, [['hub/hub', 3]])
  const second = await site(t)
  await rm(join(second.daemon, 'audit-daemon-main-20261123.ndjson'))
  assert.deepEqual((await second.verify(second.hub, second.daemon)).bad, [['daemon/main', 3]])
})

test('two days under each other’s name are found at the first record', async (t) => {
  const { daemon, verify } = await site(t)
  const [one, two] = ['audit-daemon-main-20261122.ndjson', 'audit-daemon-main-20261123.ndjson']
  await rename(join(daemon, one), join(daemon, 'kept'))
  await rename(join(daemon, two), join(daemon, one))
  await rename(join(daemon, 'kept'), join(daemon, two))
  assert.deepEqual((await verify(daemon)).bad, [['daemon/main', 1]])
})

test('one writer’s log under the name of another is found at the first record', async (t) => {
  const { hub, daemon, verify } = await site(t)
  await writeFile(join(hub, hubFile), await readFile(join(daemon, 'audit-daemon-main-20261122.ndjson')))
  assert.deepEqual((await verify(hub)).bad, [['hub/hub', 1]])
})

test('records of two logs swapped for each other are found where they stand', async (t) => {
  const { hub, daemon, verify } = await site(t)
  const paths = [join(hub, hubFile), join(daemon, 'audit-daemon-main-20261122.ndjson')] as const
  const [[a = '', b = ''], [c = '', d = '']] = (await Promise.all(
    paths.map(async (path) => (await readFile(path, 'utf8')).trimEnd().split('\n')),
  )) as [string[], string[]]
  await writeFile(paths[0], `${a}\n${d}\n`)
  await writeFile(paths[1], `${c}\n${b}\n`)
  assert.deepEqual((await verify(hub, daemon)).bad, [
    ['hub/hub', 2],
    ['daemon/main', 2],
  ])
})

test('a witness that says what nobody kept accuses the log, and says which record of its own did', async (t) => {
  const { daemon, verify } = await site(t)
  const liar = await temporaryDirectory(t)
  await writeHub(liar, 'mel', 2, [`daemon/main=2:${'f'.repeat(64)}`, `daemon/main=9:${'f'.repeat(64)}`])
  const { bad, why } = await verify(liar, daemon)
  assert.deepEqual(
    bad.filter(([writer]) => writer === 'daemon/main'),
    [['daemon/main', 2]],
  )
  assert.match(`${why}${(await verify(daemon, liar)).why}`, /record 1 of hub\/hub/)
})
