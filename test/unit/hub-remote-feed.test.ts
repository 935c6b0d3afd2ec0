/** The feed of a daemon whose files the hub does not mount. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PassThrough, Transform } from 'node:stream'
import { type TestContext, test } from 'node:test'
import type { SiteFeedSink } from '../../durable/site-feed.ts'
import { keepFeed } from '../../hub/daemons/kept-feed.ts'
import { followRemoteFeed } from '../../hub/daemons/remote-feed.ts'
import type { FeedLine } from '../../protocol/feed.ts'
import { createFeedOutlet } from '../../uiserver/agent/feed-outlet.ts'
import { inProcessAgent } from '../harness/in-process-agent.ts'
import { accountRow, siteFeed, snapshotOf } from '../harness/site-feed.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

type Heard = {
  readonly resets: { readonly rows: number; readonly seq: number }[]
  readonly lines: FeedLine[]
  readonly files: { readonly name: string; readonly value: unknown }[]
  readonly problems: (string | null)[]
  /** What of the kept file could not be read or written. */
  readonly damage: unknown[]
  current: number
}

const listen = (
  t: TestContext,
  agent: ReturnType<typeof inProcessAgent>,
  more: {
    readonly onLines?: SiteFeedSink['onLines']
    readonly deafAfter?: number
    readonly longestReset?: number
    readonly longestPause?: number
    readonly file?: string
    readonly goOn?: boolean
  } = {},
): { readonly heard: Heard; readonly stop: () => Promise<void> } => {
  const heard: Heard = { resets: [], lines: [], files: [], problems: [], damage: [], current: 0 }
  const end = new AbortController()
  const road = {
    transport: agent,
    random: () => 0.5,
    noise: () => undefined,
    signal: end.signal,
    pauses: { first: 5, longest: more.longestPause ?? 20 },
    ...(more.deafAfter === undefined ? {} : { deafAfter: more.deafAfter }),
    ...(more.longestReset === undefined ? {} : { longestReset: more.longestReset }),
  }
  const sink: SiteFeedSink = {
    onReset: (rows, { seq }) => void heard.resets.push({ rows: rows.length, seq }),
    onLines: more.onLines ?? ((lines) => void heard.lines.push(...lines)),
    onCurrent: () => {
      heard.current += 1
    },
    onFile: (name, value) => void heard.files.push({ name, value }),
    onProblem: (_of, error) => void heard.problems.push(error?.message ?? null),
  }
  const { file = '', goOn = true } = more
  const kept = { file, goOn, onProblem: (thrown: unknown) => void heard.damage.push(thrown) }
  const following =
    more.file === undefined
      ? followRemoteFeed(road, sink)
      : keepFeed(kept, sink, (since, keeping) => followRemoteFeed({ ...road, since }, keeping))
  const stop = async (): Promise<void> => {
    end.abort()
    await following
    await until(() => agent.open() === 0)
  }
  t.after(stop)
  return { heard, stop }
}

const site = async (t: TestContext) => {
  const dir = await temporaryDirectory(t)
  return { dir, feed: await siteFeed(t, dir) }
}

test('a hub that mounts nothing hears rows, permissions and heartbeats as one that does', async (t) => {
  const { dir, feed } = await site(t)
  await feed.put('account', 'atmosphere_stage', accountRow('atmosphere_stage'))
  await feed.permissions(snapshotOf({ accounts: {} }))
  const { heard, stop } = listen(t, inProcessAgent({ role: 'feed', site: dir }))
  await until(() => heard.current === 1 && heard.lines.length === 1)
  assert.deepEqual(heard.lines[0]?.put, [
    { kind: 'account', key: 'atmosphere_stage', row: accountRow('atmosphere_stage') },
  ])
  await feed.put('account', 'oceans_stage', accountRow('oceans_stage'))
  await feed.heartbeat(4711)
  await until(() => heard.lines.length === 2 && heard.files.length === 2)
  assert.deepEqual(
    heard.files.map(({ name }) => name),
    ['permissions', 'heartbeat'],
  )
  await stop()
  assert.deepEqual(heard.problems, [])
})

test('what came while the way was broken is caught up with, without a reset and each line once', async (t) => {
  const { dir, feed } = await site(t)
  const agent = inProcessAgent({ role: 'feed', site: dir })
  const { heard } = listen(t, agent)
  await feed.put('account', 'a', accountRow('a'))
  await until(() => heard.lines.length === 1)
  for (const name of ['b', 'c']) {
    agent.drop()
    await feed.put('account', name, accountRow(name))
  }
  await until(() => heard.lines.length === 3 && heard.problems.at(-1) === null)
  assert.equal(heard.resets.length, 1)
  assert.deepEqual(
    heard.lines.map(({ seq }) => seq),
    [1, 2, 3],
  )
  assert.match(heard.problems[0] ?? '', /connection was lost/i)
})

test('a feed that was numbered anew while the way was broken begins with all its rows', async (t) => {
  const { dir, feed } = await site(t)
  const agent = inProcessAgent({ role: 'feed', site: dir })
  const { heard } = listen(t, agent)
  await feed.put('account', 'a', accountRow('a'))
  await until(() => heard.lines.length === 1)
  rmSync(feed.dir, { recursive: true })
  agent.drop()
  const again = await siteFeed(t, dir)
  await again.put('account', 'b', accountRow('b'))
  await until(() => heard.resets.length >= 2 && heard.lines.at(-1)?.put[0]?.key === 'b')
  assert.equal(heard.lines.at(-1)?.seq, 1)
})

test('a long snapshot comes in parts and is one reset', async (t) => {
  const { dir, feed } = await site(t)
  const rows = Array.from({ length: 5000 }, (_, index) => ({
    kind: 'account',
    key: `a${index}`,
    row: { ...accountRow(`a${index}`), title: 'x'.repeat(200) },
  }))
  await feed.put('account', 'a', accountRow('a'))
  await feed.writer.writeSnapshot(rows, 1, Date.now())
  const { heard } = listen(t, inProcessAgent({ role: 'feed', site: dir }))
  await until(() => heard.current === 1)
  assert.deepEqual(heard.resets, [{ rows: 5000, seq: 1 }])
})

test('a hub that is slow to take is waited for: the agent reads no further than the pipe holds', async (t) => {
  const { dir, feed } = await site(t)
  const held = Promise.withResolvers<void>()
  let out: PassThrough | undefined
  const agent = inProcessAgent({
    role: 'feed',
    site: dir,
    tamper: (stdout) => {
      out = stdout
      return stdout
    },
  })
  const seen: number[] = []
  const { heard } = listen(t, agent, {
    onLines: async (lines) => {
      await held.promise
      seen.push(...lines.map(({ seq }) => seq))
    },
  })
  await until(() => heard.current === 1)
  const row = { ...accountRow('a'), title: 'x'.repeat(1000) }
  const write = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1)
      feed.writer.append({ journal: 1, at: 0, put: [{ kind: 'account', key: 'a', row }], drop: [] })
    await feed.writer.flush()
  }
  // 20 MB; a batch of the reader is a quarter of one.
  await write(20_000)
  await until(() => (out?.writableLength ?? 0) + (out?.readableLength ?? 0) > 0)
  await feed.heartbeat(1)
  assert.ok((out?.writableLength ?? 0) + (out?.readableLength ?? 0) < 4 * 1024 * 1024)
  held.resolve()
  await until(() => seen.length === 20_000)
  assert.equal(seen.at(-1), 20_000)
})

test('while a hub takes nothing, only the last state of a file waits; for too long, and it is left', async () => {
  const [stdout, left] = [new PassThrough({ highWaterMark: 100 }), new AbortController()]
  const gaveUp = Promise.withResolvers<void>()
  const outlet = createFeedOutlet({ stdout, left: left.signal, patience: 50, giveUp: gaveUp.resolve })
  outlet.sendFile('heartbeat', 'x'.repeat(200))
  for (const value of [1, 2, 3]) outlet.sendFile('heartbeat', value)
  let text = ''
  stdout.on('data', (chunk) => {
    text += chunk
  })
  await until(() => text.includes('"value":3'))
  assert.doesNotMatch(text, /"value":[12]/)

  stdout.pause()
  const stuck = outlet.send({ type: 'problem', of: 'feed', detail: 'x'.repeat(500) })
  await gaveUp.promise
  left.abort()
  await stuck
  await outlet.send({ type: 'tick' })
  assert.doesNotMatch(text, /tick/)
})

test('a way on which nothing is said any more is left for a new one', async (t) => {
  const { dir, feed } = await site(t)
  await feed.put('account', 'a', accountRow('a'))
  let isFirst = true
  const agent = inProcessAgent({
    role: 'feed',
    site: dir,
    tamper: (stdout) => {
      if (!isFirst) return stdout
      isFirst = false
      // Lets the answer through, and then nothing, as a network that drops packets does.
      let left = 2
      const mute = new Transform({
        transform: (chunk: Buffer, _encoding, done) => {
          left -= 1
          done(null, left >= 0 ? chunk : undefined)
        },
      })
      return stdout.pipe(mute) as unknown as PassThrough
    },
  })
  const { heard } = listen(t, agent, { deafAfter: 300 })
  await until(() => agent.count() >= 2 && heard.lines.length === 1)
  assert.match(heard.problems[0] ?? '', /connection was lost/i)
})

test('lines that are left out or that make no sense are not believed: all is asked for anew', async (t) => {
  const { dir, feed } = await site(t)
  await feed.put('account', 'a', accountRow('a'))
  const lies = [
    { type: 'lines', lines: [{ v: 1, seq: 7, journal: 7, at: 0, put: [], drop: [] }] },
    { type: 'lines', lines: [{ v: 1, seq: 'next' }] },
    { type: 'shutdown' },
  ]
  const agent = inProcessAgent({
    role: 'feed',
    site: dir,
    tamper: (stdout) => {
      const lie = lies.shift()
      if (lie === undefined) return stdout
      const out = new PassThrough()
      stdout.on('data', (chunk: Buffer) => {
        out.write(chunk)
        if (chunk.includes('"type":"current"')) out.write(`${JSON.stringify(lie)}\n`)
      })
      stdout.on('close', () => out.destroy())
      out.on('close', () => stdout.destroy())
      return out
    },
  })
  const { heard } = listen(t, agent)
  await until(() => heard.resets.length === 4 && heard.problems.at(-1) === null)
  assert.equal(lies.length, 0)
  assert.deepEqual(new Set(heard.lines.map(({ seq }) => seq)), new Set([1]))
})

test('a far end that says nonsense is asked less and less often, and complained of once', async (t) => {
  const agent = inProcessAgent({
    role: 'feed',
    site: (await site(t)).dir,
    tamper: (stdout) => {
      const out = new PassThrough()
      stdout.on('data', (chunk: Buffer) => out.write(chunk.includes('"type"') ? '{"type":"no"}\n' : chunk))
      stdout.on('close', () => out.destroy())
      out.on('close', () => stdout.destroy())
      return out
    },
  })
  const { heard } = listen(t, agent, { longestPause: 60_000 })
  const begin = performance.now()
  await until(() => agent.count() === 6)
  // 5 ms, doubled each time, a quarter less by chance.
  assert.ok(performance.now() - begin > 100)
  assert.equal(heard.problems.length, 1)
})

test('a beginning without end is not waited for', async (t) => {
  const { dir } = await site(t)
  const part = {
    type: 'reset',
    epoch: 'e',
    seq: 1,
    rows: [{ kind: 'account', key: 'a', row: 'x' }],
    more: true,
  }
  const agent = inProcessAgent({
    role: 'feed',
    site: dir,
    tamper: (stdout) => {
      const out = new PassThrough()
      stdout.on('data', (chunk: Buffer) =>
        out.write(chunk.includes('"type"') ? `${JSON.stringify(part)}\n` : chunk),
      )
      stdout.on('close', () => out.destroy())
      const more = setInterval(() => out.write(`${JSON.stringify(part)}\n`), 1)
      out.on('close', () => {
        clearInterval(more)
        stdout.destroy()
      })
      return out
    },
  })
  const { heard } = listen(t, agent, { longestReset: 1000 })
  await until(() => heard.problems.some((problem) => problem?.includes('begins without end')))
  assert.deepEqual(heard.resets, [])
})

test('a hub that starts while the daemon’s host is away shows what it said last, and goes on after it', async (t) => {
  const { dir, feed } = await site(t)
  const file = join(dir, 'hub/feeds/south.json')
  await feed.put('account', 'a', accountRow('a'))
  await feed.put('audit', 'daemon/south#1', {})
  await feed.permissions(snapshotOf({ accounts: {}, version: 7 }))
  const first = listen(t, inProcessAgent({ role: 'feed', site: dir }), { file })
  await until(() => first.heard.lines.length === 2 && first.heard.files.length === 1)
  await feed.put('account', 'b', accountRow('b'))
  await until(() => first.heard.lines.length === 3)
  await first.stop()
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(statSync(dirname(file)).mode & 0o777, 0o700)
  await feed.drop('account', 'a')

  const away = inProcessAgent({ role: 'feed' })
  const second = listen(t, away, { file })
  await until(() => second.heard.problems.length === 1)
  assert.deepEqual(second.heard.resets, [{ rows: 2, seq: 3 }], 'accounts, and no audit records')
  assert.partialDeepStrictEqual(second.heard.files, [{ name: 'permissions', value: { version: 7 } }])
  await second.stop()

  const third = listen(t, inProcessAgent({ role: 'feed', site: dir }), { file })
  await until(() => third.heard.current === 1)
  assert.deepEqual(third.heard.resets, [{ rows: 2, seq: 3 }])
  assert.deepEqual(
    third.heard.lines.map(({ seq, drop }) => [seq, drop[0]?.key]),
    [[4, 'a']],
  )
  await third.stop()

  // Whose audit records this hub has lost with its index, it asks for all of it again.
  const fourth = listen(t, inProcessAgent({ role: 'feed', site: dir }), { file, goOn: false })
  await until(() => fourth.heard.lines.length === 4)
  assert.deepEqual(fourth.heard.resets, [
    { rows: 1, seq: 4 },
    { rows: 0, seq: 0 },
  ])
})

test('what was kept and is damaged is told, and all is asked for anew', async (t) => {
  const { dir, feed } = await site(t)
  const file = join(dir, 'south.json')
  writeFileSync(file, '{"v":1,"place":')
  await feed.put('account', 'a', accountRow('a'))
  const { heard } = listen(t, inProcessAgent({ role: 'feed', site: dir }), { file })
  await until(() => heard.current === 1 && heard.lines.length === 1)
  assert.equal(heard.damage.length, 1)
})

test('a hub ends its way when it ends, and an agent that was told no site reads nothing', async (t) => {
  const dir = await temporaryDirectory(t)
  mkdirSync(join(dir, 'feed/site'), { recursive: true })
  const without = listen(t, inProcessAgent({ role: 'feed' }))
  await until(() => without.heard.problems.length === 1)
  assert.match(without.heard.problems[0] ?? '', /no site directory/)
  await without.stop()
  const agent = inProcessAgent({ role: 'feed', site: dir })
  const { heard, stop } = listen(t, agent)
  await until(() => heard.problems.length === 1)
  assert.match(heard.problems[0] ?? '', /not there yet/)
  await stop()
  assert.equal(agent.open(), 0)
})
