import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Viewer } from '../../hub/context.ts'
import { createSeat } from '../../hub/wall/seat.ts'
import { closeCodes, type Frame, frame } from '../../protocol/frames.ts'
import { wallKinds } from '../../protocol/rows.ts'
import { type Browser, defaultPermissions, nobody, startServing } from '../harness/serving.ts'
import { snapshotOf, summaryRow } from '../harness/site-feed.ts'
import { until } from '../harness/until.ts'

type Rows = Map<string, unknown>

/** What a browser does with frames: every one is checked, and a gap is a fault. */
const follow = async (browser: Browser, path = '/api/wall') => {
  const { messages, socket, closed } = await browser.socket(path)
  const rows: Rows = new Map()
  const state = { seq: -1, epoch: '', resets: 0, frames: 0 }
  const put = (each: { readonly kind: string; readonly key: string; readonly row: unknown }) => {
    assert.ok(Object.hasOwn(wallKinds, each.kind), each.kind)
    wallKinds[each.kind as keyof typeof wallKinds].parse(each.row)
    rows.set(`${each.kind} ${each.key}`, each.row)
  }
  const apply = (said: Frame) => {
    if (said.type === 'hello') {
      state.epoch = said.epoch
      if (path.includes('since=')) state.seq = Number(new URL(path, 'http://x').searchParams.get('since'))
    } else if (said.type === 'reset') {
      rows.clear()
      said.put.forEach(put)
      state.resets += 1
      state.seq = said.seq
    } else if (said.type === 'delta') {
      assert.equal(said.from, state.seq + 1, 'a gap')
      said.put.forEach(put)
      for (const { kind, key } of said.drop) assert.ok(rows.delete(`${kind} ${key}`), `${kind} ${key}`)
      state.seq = said.seq
    }
  }
  const take = () => {
    for (; state.frames < messages.length; state.frames += 1)
      apply(frame.parse(JSON.parse(messages[state.frames] ?? '')))
    return rows
  }
  const leave = async () => {
    socket.close()
    await closed
  }
  await until(() => take().size > 0 || messages.length > 0)
  return { rows: take, state, closed, socket, leave }
}

const clouds = 'summary atmosphere_stage/clouds'

test('the wall shows all that one may view, with stopped servers, and follows changes without a gap', async (t) => {
  const hub = await startServing(t)
  const mel = await follow(await hub.signIn('mel'))
  await until(() => mel.rows().size > 0)
  assert.deepEqual([...mel.rows().keys()].sort(), [
    'account atmosphere_stage',
    'account oceans_stage',
    'daemon daemon',
    'server atmosphere_stage',
    'server oceans_stage',
    'summary atmosphere_stage/clouds',
    'summary atmosphere_stage/winds',
    'summary oceans_stage/waves',
  ])
  const jacintar = await follow(await hub.signIn('jacintar'))
  await until(() => jacintar.rows().size > 0)
  assert.ok(![...jacintar.rows().keys()].some((key) => key.includes('oceans_stage')))

  await hub.feed.put(
    'summary',
    'atmosphere_stage/clouds',
    summaryRow('atmosphere_stage', 'clouds', { at: 9 }),
  )
  await until(() => (mel.rows().get(clouds) as { at: number }).at === 9)
  await until(() => (jacintar.rows().get(clouds) as { at: number }).at === 9)
  await hub.open('oceans_stage')
  await until(() => (mel.rows().get('server oceans_stage') as { state: string }).state === 'on')
  await hub.feed.drop('summary', 'atmosphere_stage/winds')
  await until(() => !jacintar.rows().has('summary atmosphere_stage/winds'))
  await hub.feed.put('summary', 'atmosphere_stage/rain', summaryRow('atmosphere_stage', 'rain'))
  await until(() => jacintar.rows().has('summary atmosphere_stage/rain'))
  assert.equal(jacintar.state.resets, 1)
  await Promise.all([mel.leave(), jacintar.leave()])
  await until(() => hub.live.count() === 0)
})

test('a browser that comes back gets what changed meanwhile, and nothing else', async (t) => {
  const hub = await startServing(t)
  const browser = await hub.signIn('mel')
  const first = await follow(browser)
  await until(() => first.rows().size > 0)
  await first.leave()
  for (const at of [1, 2, 3]) {
    await hub.feed.put('summary', 'atmosphere_stage/clouds', summaryRow('atmosphere_stage', 'clouds', { at }))
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  const { seq, epoch } = first.state
  const again = await follow(browser, `/api/wall?since=${seq}&epoch=${epoch}`)
  await until(() => (again.rows().get(clouds) as { at: number } | undefined)?.at === 3)
  assert.equal(again.state.resets, 0)
  assert.deepEqual([...again.rows().keys()], [clouds])
  await again.leave()

  for (const query of ['since=0&epoch=other', `since=${seq + 1000}&epoch=${epoch}`, 'since=x&epoch=y']) {
    const anew = await follow(browser, `/api/wall?${query}`)
    await until(() => anew.rows().size > 5)
    assert.equal(anew.state.resets, 1, query)
    await anew.leave()
  }
  const other = await follow(await hub.signIn('jacintar'), `/api/wall?since=${seq}&epoch=${epoch}`)
  await until(() => other.rows().size > 0)
  assert.equal(other.state.resets, 1, "another person's numbers mean nothing")
  await other.leave()
})

test('a change of permissions acts at once, in both directions', async (t) => {
  const hub = await startServing(t)
  const jacintar = await follow(await hub.signIn('jacintar'))
  await until(() => jacintar.rows().has(clouds))
  const entry = { owners: [], cli: 'refuse', workflows: {} } as const
  await hub.feed.permissions(
    snapshotOf({
      version: 2,
      accounts: {
        atmosphere_stage: { ...entry, layer: { rules: { read: [] }, source: { file: 'a', lines: {} } } },
        oceans_stage: entry,
      },
    }),
  )
  await until(() => jacintar.rows().has('summary oceans_stage/waves'))
  assert.ok(![...jacintar.rows().keys()].some((key) => key.includes('atmosphere_stage')))
  await jacintar.leave()
})

test('a kiosk sees what everyone may, or its own accounts, but never a workflow that is restricted by itself', async (t) => {
  const hub = await startServing(t)
  const everybody = await follow(await hub.kiosk(null))
  const oceans = await follow(await hub.kiosk(['oceans_stage']))
  const both = await follow(await hub.kiosk(['oceans_stage', 'atmosphere_stage']))
  for (const each of [everybody, oceans, both]) await until(() => each.rows().size > 0)
  const summaries = (rows: Rows) =>
    [...rows.keys()].filter((key) => key.startsWith('summary ')).map((key) => key.slice('summary '.length))
  assert.deepEqual(summaries(everybody.rows()), ['atmosphere_stage/clouds', 'atmosphere_stage/winds'])
  assert.deepEqual(summaries(oceans.rows()), ['oceans_stage/waves'])
  assert.deepEqual(summaries(both.rows()).sort(), [
    'atmosphere_stage/clouds',
    'atmosphere_stage/winds',
    'oceans_stage/waves',
  ])
  await hub.feed.permissions({
    ...defaultPermissions,
    version: 2,
    at: Date.now(),
    locks: { persons: [], accounts: ['oceans_stage'], hosts: [] },
  })
  await until(() => summaries(oceans.rows()).length === 0)
  await Promise.all([everybody, oceans, both].map(({ leave }) => leave()))
})

test('a kiosk may look at the wall and do nothing else', async (t) => {
  const hub = await startServing(t)
  const kiosk = await hub.kiosk(null)
  const refused = [
    await kiosk.get('/api/accounts'),
    await kiosk.get('/api/accounts/atmosphere_stage'),
    await kiosk.get('/u/atmosphere_stage/workflows'),
    await kiosk.get('/api/explain?action=view&account=atmosphere_stage'),
    await kiosk.send('POST', '/api/accounts/atmosphere_stage/server'),
    await kiosk.send('POST', '/api/accounts/atmosphere_stage/actions/hold', { workflow: 'clouds' }),
  ]
  assert.deepEqual(
    refused.map(({ status }) => status),
    [403, 403, 403, 403, 403, 403],
  )
  assert.equal(hub.spawner.starts.length, 0)
})

test('whoever says something to the wall loses the socket', async (t) => {
  const hub = await startServing(t)
  const mel = await follow(await hub.signIn('mel'))
  mel.socket.send('{"type":"hold"}')
  assert.equal(await mel.closed, 1008)
  const plain = await (await hub.signIn('mel')).get('/api/wall')
  assert.equal(plain.status, 400)
})

test('a reader who takes nothing is let go, one who takes all is not', () => {
  const taking = { buffered: 0, closed: [] as number[] }
  const seat = (state: typeof taking) =>
    createSeat({
      viewer: nobody satisfies Viewer,
      socket: {
        send: (text) => {
          state.buffered += text.length
        },
        buffered: () => state.buffered,
        close: (code) => state.closed.push(code),
      },
      maySee: () => true,
      since: undefined,
      rows: [],
    })
  const big = {
    id: 'summary a/b',
    kind: 'summary',
    key: 'a/b',
    json: JSON.stringify('x'.repeat(400_000)),
    account: 'a',
    workflow: 'b',
  } as const
  const slow = { buffered: 0, closed: [] as number[] }
  const [reader, sleeper] = [seat(taking), seat(slow)]
  for (const each of [reader, sleeper])
    each.reset(
      1,
      Array.from({ length: 5 }, () => big),
    )
  for (let seq = 2; seq < 12; seq += 1) {
    taking.buffered = 0
    for (const each of [reader, sleeper]) each.delta(seq, new Map([[big.id, big]]))
  }
  assert.deepEqual(taking.closed, [])
  assert.deepEqual(slow.closed, [closeCodes.slow])
})

test('a quiet wall gives a sign of life', () => {
  const said: string[] = []
  const seat = createSeat({
    viewer: nobody,
    socket: { send: (text) => said.push(text), buffered: () => 0, close: () => undefined },
    maySee: () => true,
    since: 4,
    rows: [],
  })
  seat.tick(1)
  seat.tick(2)
  assert.deepEqual(
    said.map((text) => JSON.parse(text)),
    [{ type: 'tick', seq: 4, now: 2 }],
  )
})
