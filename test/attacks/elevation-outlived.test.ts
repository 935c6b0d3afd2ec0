/** Row 29: privileges that end while sockets are open and grants are queued. No socket closes, and nobody acts once more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type WebSocket, WebSocketServer } from 'ws'
import { frame } from '../../protocol/frames.ts'
import { codeOf } from '../harness/code-of.ts'
import type { Listening } from '../harness/http.ts'
import { startTestHub } from '../harness/hub.ts'
import { startDaemon } from '../harness/in-process-daemon.ts'
import { summaryRow } from '../harness/site-feed.ts'
import { put, startUiServer, workflowRow } from '../harness/ui-server.ts'
import { until } from '../harness/until.ts'
import type { Visitor } from '../harness/visitor.ts'

const hold = (browser: Visitor, csrf: string) =>
  browser.change(
    'POST',
    '/api/accounts/atmosphere_stage/actions/hold',
    { workflow: 'clouds', args: {} },
    csrf,
  )

/** Events of a stream of ours, in order and without a gap, up to the last row's `at`. */
const reached = (listening: Listening): number => {
  let seq: number | undefined
  let at = 0
  for (const text of listening.messages) {
    const said = frame.parse(JSON.parse(text))
    if (said.type === 'delta') assert.equal(said.from, (seq ?? 0) + 1, 'a gap')
    if (said.type === 'reset') assert.equal(seq, undefined, 'a second reset: something was missed')
    if (said.type !== 'reset' && said.type !== 'delta') continue
    seq = said.seq
    for (const { key, row } of said.put)
      if (key === 'atmosphere_stage/clouds') at = (row as { readonly at: number }).at
  }
  return at
}

test('1,000 sockets live through the end of privileges without losing an event; the next action is refused', async (t) => {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const upstream: WebSocket[] = []
  const h = await startTestHub(t, {
    config: { elevation: { duration: 'PT30S' } },
    upgrade: (request, raw, head) => server.handleUpgrade(request, raw, head, (ws) => upstream.push(ws)),
  })
  const browser = await h.signIn('jacintar')
  await h.raise(browser)
  const { csrf } = await h.session(browser)
  assert.equal((await hold(browser, csrf)).status, 202)

  const open: Listening[] = []
  for (let batch = 0; batch < 40; batch += 1) {
    const asked = Array.from({ length: 25 }, () => browser.socket('/u/atmosphere_stage/stream'))
    open.push(...(await Promise.all(asked)))
  }
  assert.equal(upstream.length, 1000)
  const wall = await browser.socket('/api/wall')
  const audit = await browser.socket('/api/audit/stream')
  let count = 0
  const say = () => {
    count += 1
    for (const ws of upstream) ws.send(String(count))
    const row = summaryRow('atmosphere_stage', 'clouds', { at: count })
    return h.feed.put('summary', 'atmosphere_stage/clouds', row)
  }
  for (let before = 0; before < 5; before += 1) await say()
  h.shift(30_000)
  const [answer] = await Promise.all([hold(browser, csrf), say(), h.hub.tick(), say()])
  assert.deepEqual([answer.status, codeOf(answer)], [403, 'elevation.ended'])
  for (let after = 0; after < 5; after += 1) await say()
  assert.equal((await hold(browser, csrf)).status, 403)
  assert.equal((await h.session(browser)).elevation, null)
  assert.equal((await h.audited('action.intended')).length, 1, 'what was refused was not even intended')

  const all = Array.from({ length: count }, (_, index) => String(index + 1))
  await until(() => open.every(({ messages }) => messages.length === count), 20_000)
  for (const { messages } of open) assert.deepEqual(messages, all)
  await until(() => reached(wall) === count)
  await until(() => audit.messages.some((text) => text.includes('"event":"elevation.ended"')))
  for (const { socket } of [...open, wall, audit]) {
    assert.equal(socket.readyState, socket.OPEN)
    socket.terminate()
  }
})

test('at a UI server 1,000 sockets take the assertion without privileges and miss nothing', async (t) => {
  const road = await startUiServer(t)
  const say = (at: number) =>
    road.feed.append({
      journal: at,
      at,
      put: [put('workflow', 'clouds', workflowRow('clouds', { at }))],
      drop: [],
    })
  say(1)
  const raised = await road.assertion('jacintar', {
    elevation: { class: 'write', until: road.now.value + 30_000 },
  })
  const heard = await Promise.all(Array.from({ length: 1000 }, () => road.listen('', raised)))
  say(2)
  road.now.value += 30_000
  const fallen = await road.assertion('jacintar')
  for (const { socket } of heard) socket.send(fallen)
  for (let at = 3; at <= 10; at += 1) say(at)
  const atOf = (rows: ReadonlyMap<string, unknown>) => (rows.get('workflow clouds') as { at: number })?.at
  await until(() => heard.every(({ rows }) => atOf(rows) === 10), 20_000)
  for (const { socket, frames } of heard) {
    assert.equal(socket.readyState, socket.OPEN)
    assert.equal(frames.filter(({ type }) => type === 'reset').length, 1, 'deltas alone, and no gap in them')
  }
})

test('a grant that was held back until its privileges had ended is refused by the daemon', async (t) => {
  const site = await startDaemon(t, {
    workflows: { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' },
    autoplay: false,
  })
  const iat = Math.floor(Date.now() / 1000) - 20
  const until = (ms: number) => ({ iat, exp: iat + 60, elevation: { class: 'execute', until: ms } as const })
  const ask = { action: 'hold', workflow: 'clouds' }
  const held = await site.ask(ask, until(Date.now() - 10_000))
  assert.deepEqual([held.state, held.code], ['refused', 'elevation.required'])
  const never = await site.ask(ask, { elevation: null })
  assert.deepEqual([never.state, never.code], ['refused', 'elevation.required'])
  const less = await site.ask({ action: 'reload', workflow: 'clouds' }, { sub: 'admin' })
  assert.deepEqual([less.state, less.code], ['refused', 'elevation.required'])
  assert.doesNotMatch(await site.audit(), /action\.done/)
  assert.equal((await site.ask(ask, until(Date.now() + 10_000))).state, 'done', 'filed in time it counts')
})

test('a grant that was filed in time counts when the daemon comes back after the end', async (t) => {
  const site = await startDaemon(t, {
    workflows: { 'atmosphere_stage/clouds': 'graph: t\ntasks: { t: { script: "true" } }\n' },
    autoplay: false,
  })
  await site.daemon.stop()
  const end = Date.now() + 1000
  const made = await site.grant(
    { action: 'hold', workflow: 'clouds' },
    { elevation: { class: 'execute', until: end } },
  )
  await site.put({ version: 1, ...made })
  await until(() => Date.now() > end)
  await site.restart()
  assert.equal((await site.answer(made.id)).state, 'done')
})
