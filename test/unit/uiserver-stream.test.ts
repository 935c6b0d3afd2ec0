import assert from 'node:assert/strict'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Frame } from '../../protocol/frames.ts'
import { closeCodes } from '../../protocol/frames.ts'
import {
  instanceRow,
  jobRow,
  put,
  startUiServer,
  taskRow,
  type UiServerRoad,
  workflowRow,
} from '../harness/ui-server.ts'
import { until } from '../harness/until.ts'

let journal = 0
const write = (
  road: UiServerRoad,
  rows: Parameters<typeof put>[],
  drop: readonly [string, string][] = [],
) => {
  journal += 1
  road.feed.append({
    journal,
    at: journal,
    put: rows.map((row) => put(...row)),
    drop: drop.map(([kind, key]) => ({ kind, key })),
  })
}
const types = (frames: readonly Frame[]) => frames.map(({ type }) => type)

const two = async (road: UiServerRoad) => {
  write(road, [
    ['workflow', 'clouds', workflowRow('clouds')],
    ['workflow', 'winds', workflowRow('winds')],
    ['task', 'clouds//climb', taskRow('clouds', 'climb')],
    ['instance', 'clouds//1/climb', instanceRow('clouds', '1', 'climb')],
    ['instance', 'winds//1/climb', instanceRow('winds', '1', 'climb')],
  ])
  await road.feed.flush()
}

test('a socket gets hello, everything that may be viewed, and then what changes', async (t) => {
  const road = await startUiServer(t)
  await two(road)
  const heard = await road.listen('?workflow=clouds')
  await until(() => heard.rows.size === 3)
  assert.deepEqual([...heard.rows.keys()].sort(), [
    'instance clouds//1/climb',
    'task clouds//climb',
    'workflow clouds',
  ])
  write(road, [['job', 'clouds//1/climb/01', jobRow('clouds', '1', 'climb')]])
  write(road, [['instance', 'clouds//1/climb', instanceRow('clouds', '1', 'climb', { state: 'succeeded' })]])
  await until(() => heard.rows.size === 4)
  write(road, [], [['instance', 'clouds//1/climb']])
  await until(() => heard.rows.size === 2)
  assert.equal(heard.rows.has('job clouds//1/climb/01'), false, 'the job goes with its instance')
  assert.deepEqual(types(heard.frames).slice(0, 2), ['hello', 'reset'])
  assert.equal(
    types(heard.frames)
      .slice(2)
      .every((type) => type === 'delta'),
    true,
  )
})

test('without a workflow only the workflows’ rows come', async (t) => {
  const road = await startUiServer(t)
  await two(road)
  const heard = await road.listen('')
  await until(() => heard.rows.size === 2)
  write(road, [['instance', 'clouds//2/climb', instanceRow('clouds', '2', 'climb')]])
  write(road, [['workflow', 'clouds', workflowRow('clouds', { state: 'paused' })]])
  await until(() => (heard.rows.get('workflow clouds') as { state: string }).state === 'paused')
  assert.deepEqual([...heard.rows.keys()].sort(), ['workflow clouds', 'workflow winds'])
})

test('a burst of changes comes as a few deltas without a gap', async (t) => {
  const road = await startUiServer(t)
  await two(road)
  const heard = await road.listen('?workflow=clouds')
  for (let n = 1; n <= 500; n += 1)
    write(road, [['instance', `clouds//${n}/climb`, instanceRow('clouds', String(n), 'climb')]])
  await until(() => heard.rows.size === 502)
  assert.ok(heard.frames.length < 30, `${heard.frames.length} frames for 500 changes`)
})

test('a socket that was away goes on after what it had', async (t) => {
  const road = await startUiServer(t)
  await two(road)
  // Its numbers are those of somebody who sees this workflow: who came before it was there is given everything.
  const early = await road.listen('?workflow=clouds')
  await until(() => early.rows.size === 3)
  const first = await road.listen('?workflow=clouds')
  await until(() => first.rows.size === 3)
  const { epoch, seq } = first.last()
  first.socket.terminate()
  write(road, [['workflow', 'clouds', workflowRow('clouds', { state: 'paused' })]])
  write(road, [['workflow', 'winds', workflowRow('winds', { state: 'paused' })]])
  await road.feed.flush()
  const probe = await road.listen('?workflow=clouds')
  await until(() => probe.last().seq === seq + 2)
  const again = await road.listen(`?workflow=clouds&since=${seq}&epoch=${epoch}`)
  await until(() => again.frames.length === 2)
  const [hello, delta] = again.frames
  assert.ok(hello?.type === 'hello' && hello.epoch === epoch, JSON.stringify(again.frames))
  assert.ok(delta?.type === 'delta')
  assert.deepEqual([delta.from, delta.seq, delta.put.length], [seq + 1, seq + 2, 1])
})

test('a server that starts shows nobody the past: sockets begin with now, or go on after what they had', async (t) => {
  const lines = 3000
  const clouds = (at: number) => [put('workflow', 'clouds', workflowRow('clouds', { at }))]
  const road = await startUiServer(t, {
    before: async (feed, dir) => {
      for (let at = 1; at <= lines; at += 1) {
        feed.append({ journal: at, at, put: clouds(at), drop: [] })
        if (at === 1) await feed.writeSnapshot(clouds(1), 1, 1)
      }
      await feed.flush()
      await rename(join(dir, 'epoch.json'), join(dir, 'away.json'))
    },
  })
  assert.equal((await road.request('/workflows')).status, 503)
  // Open before the server has anything to say.
  const waiting = road.listen('?workflow=clouds')
  await new Promise((resolve) => setTimeout(resolve, 50))
  const dir = road.settings.site.feed
  await rename(join(dir, 'away.json'), join(dir, 'epoch.json'))
  const first = await waiting
  const told = ({ frames }: typeof first) => frames.filter(({ type }) => type !== 'hello' && type !== 'tick')
  await until(() => told(first).length > 0)
  assert.partialDeepStrictEqual(told(first)[0], { type: 'reset', seq: lines })
  const returned = await road.listen(`?workflow=clouds&since=${lines - 10}&epoch=${first.last().epoch}`)
  await until(() => told(returned).length > 0)
  assert.partialDeepStrictEqual(told(returned)[0], { type: 'delta', from: lines - 9, seq: lines })
})

test('a socket with numbers of another epoch, or from the future, is given everything', async (t) => {
  const road = await startUiServer(t)
  await two(road)
  const { epoch, seq } = (await road.listen('?workflow=clouds')).last()
  for (const query of [`since=${seq}&epoch=other`, `since=${seq}`, `since=${seq + 5}&epoch=${epoch}`]) {
    const heard = await road.listen(`?workflow=clouds&${query}`)
    await until(() => heard.frames.length === 2)
    assert.deepEqual(types(heard.frames), ['hello', 'reset'], query)
  }
})

test('a hidden workflow and one that does not exist look alike', async (t) => {
  const road = await startUiServer(t)
  await two(road)
  await road.allow({ winds: ['owner'] })
  const open = await road.listen('')
  await until(() => open.rows.size === 1)
  const hidden = await road.listen('?workflow=winds')
  const absent = await road.listen('?workflow=nothing')
  const shape = ({ frames }: typeof hidden) =>
    frames.map((frame) => (frame.type === 'hello' ? { ...frame, now: 0 } : frame))
  await until(() => hidden.frames.length === 2 && absent.frames.length === 2)
  assert.deepEqual(shape(hidden), shape(absent))
  write(road, [['instance', 'winds//1/climb', instanceRow('winds', '1', 'climb', { state: 'failed' })]])
  write(road, [['workflow', 'clouds', workflowRow('clouds', { state: 'paused' })]])
  await until(() => (open.rows.get('workflow clouds') as { state: string }).state === 'paused')
  assert.deepEqual([hidden.frames.length, absent.frames.length], [2, 2], 'not even that something happened')
})

test('a workflow that becomes hidden is taken away at once, and given back', async (t) => {
  const road = await startUiServer(t)
  await two(road)
  const one = await road.listen('?workflow=clouds')
  const all = await road.listen('')
  const owner = await road.listen('?workflow=clouds', await road.assertion('owner'))
  await until(() => one.rows.size === 3 && all.rows.size === 2 && owner.rows.size === 3)
  await road.allow({ clouds: ['owner'] })
  await until(() => one.rows.size === 0 && all.rows.size === 1)
  assert.deepEqual([...all.rows.keys()], ['workflow winds'])
  write(road, [['instance', 'clouds//2/climb', instanceRow('clouds', '2', 'climb')]])
  await until(() => owner.rows.size === 4)
  assert.equal(one.rows.size, 0)
  await road.allow({})
  await until(() => one.rows.size === 4 && all.rows.size === 2)
})

test('rights lost while a socket was away are not forgotten when it comes back', async (t) => {
  const road = await startUiServer(t)
  await two(road)
  const heard = await road.listen('')
  await until(() => heard.rows.size === 2)
  const { epoch, seq } = heard.last()
  heard.socket.terminate()
  await road.allow({ clouds: ['owner'] })
  const watcher = await road.listen('')
  await until(() => watcher.rows.size === 1)
  const again = await road.listen(`?since=${seq}&epoch=${epoch}`)
  await until(() => again.frames.length === 2)
  assert.deepEqual(types(again.frames), ['hello', 'reset'])
  assert.deepEqual([...again.rows.keys()], ['workflow winds'])
})

test('a socket without a fresh assertion is dropped, one with it stays', async (t) => {
  const road = await startUiServer(t, { assertionMayLast: 400 })
  await two(road)
  const left = await road.listen('?workflow=clouds')
  const kept = await road.listen('?workflow=clouds')
  const renewing = setInterval(() => {
    road.assertion().then((token) => kept.socket.send(token))
  }, 100)
  t.after(() => clearInterval(renewing))
  assert.equal(await left.closed, closeCodes.restart)
  await new Promise((resolve) => setTimeout(resolve, 600))
  assert.equal(kept.socket.readyState, kept.socket.OPEN)
})

test('an assertion of somebody else, or a bad one, does not keep a socket open', async (t) => {
  const road = await startUiServer(t, { assertionMayLast: 500 })
  await two(road)
  const other = await road.listen('?workflow=clouds')
  other.socket.send(await road.assertion('mel'))
  assert.equal(await other.closed, closeCodes.forbidden)
  const bad = await road.listen('?workflow=clouds')
  const sending = setInterval(() => bad.socket.send('nonsense'), 50)
  t.after(() => clearInterval(sending))
  assert.equal(await bad.closed, closeCodes.restart)
})

test('groups in a fresh assertion count at once', async (t) => {
  const road = await startUiServer(t)
  await two(road)
  await road.allow({ clouds: ['group:oidc/ops'] })
  const heard = await road.listen('?workflow=clouds', await road.assertion('mel', { groups: ['oidc/ops'] }))
  await until(() => heard.rows.size === 3)
  heard.socket.send(await road.assertion('mel'))
  await until(() => heard.rows.size === 0)
})

test('a reader that does not read is dropped as slow, and nobody else is', async (t) => {
  const road = await startUiServer(t)
  await two(road)
  const slow = await road.listen('?workflow=clouds')
  const good = await road.listen('?workflow=clouds')
  await until(() => slow.rows.size === 3)
  slow.socket.pause()
  const note = 'x'.repeat(500_000)
  for (let n = 0; n < 25; n += 1) {
    write(road, [['workflow', 'clouds', workflowRow('clouds', { problem: `${n} ${note}` })]])
    await road.feed.flush()
    await new Promise((resolve) => setTimeout(resolve, 55))
  }
  await until(() =>
    String((good.rows.get('workflow clouds') as { problem: string }).problem).startsWith('24 '),
  )
  slow.socket.resume()
  const code = await slow.closed
  assert.ok(code === closeCodes.slow || code === 1006, String(code))
  assert.equal(good.socket.readyState, good.socket.OPEN)
})

test('a feed that begins anew begins every socket anew', async (t) => {
  const road = await startUiServer(t)
  await two(road)
  const heard = await road.listen('?workflow=clouds')
  await until(() => heard.rows.size === 3)
  const { epoch } = heard.last()
  await road.feed.close()
  const { openFeedWriter } = await import('../../durable/feed-writer.ts')
  const again = await openFeedWriter({
    dir: road.settings.site.feed,
    dirMode: 0o750,
    fileMode: 0o640,
    journal: 0,
  })
  t.after(() => again.close())
  again.append({ journal: 1, at: 1, put: [put('workflow', 'clouds', workflowRow('clouds'))], drop: [] })
  await until(() => heard.last().epoch !== epoch && heard.rows.size === 1)
})
