import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closeCodes } from '../../protocol/frames.ts'
import { type Change, openStream, type SocketHandlers, type StreamPhase } from '../../web/stream.ts'

type Dialled = { readonly path: string; readonly on: SocketHandlers; closed: boolean }

/** A browser whose clock, network and luck belong to the test. */
const createBrowser = () => {
  let time = 0
  const timers: { at: number; run: () => void }[] = []
  const dialled: Dialled[] = []
  const changes: Change[] = []
  const phases: StreamPhase[] = []
  const allowed = { verdict: 'go' as 'go' | 'signed-out' | 'forbidden' }
  const stream = openStream(
    {
      url: '/u/ocean/stream?workflow=waves',
      apply: (change) => changes.push(change),
      onState: (state) => phases.push(state),
      before: async () => allowed.verdict,
    },
    {
      connect: (path, on) => {
        const socket = { path, on, closed: false }
        dialled.push(socket)
        return {
          close: () => {
            socket.closed = true
          },
        }
      },
      after: (ms, run) => {
        const timer = { at: time + ms, run }
        timers.push(timer)
        return () => {
          const index = timers.indexOf(timer)
          if (index >= 0) timers.splice(index, 1)
        }
      },
      now: () => time,
      random: () => 0,
    },
  )
  const settle = () => new Promise<void>((done) => setImmediate(done))
  return {
    stream,
    dialled,
    changes,
    allowed,
    phase: () => phases.at(-1)?.phase,
    settle,
    last: () => {
      const socket = dialled.at(-1)
      assert.ok(socket !== undefined, 'nothing was dialled')
      return socket
    },
    pass: async (ms: number) => {
      const end = time + ms
      for (;;) {
        const next = timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0]
        if (next === undefined) break
        timers.splice(timers.indexOf(next), 1)
        time = next.at
        next.run()
        await settle()
      }
      time = end
    },
  }
}

const say = (socket: Dialled, frame: unknown) => socket.on.message(JSON.stringify(frame))
const hello = (epoch: string, seq: number) => ({ type: 'hello', epoch, seq, version: '1', now: 0 })
const delta = (from: number, seq: number) => ({ type: 'delta', from, seq, put: [], drop: [] })

/** A stream that was told everything up to number 7. */
const upToSeven = async () => {
  const browser = createBrowser()
  await browser.settle()
  const socket = browser.last()
  socket.on.open()
  say(socket, hello('a', 7))
  say(socket, { type: 'reset', seq: 7, put: [{ kind: 'task', key: 'k', row: 1 }] })
  return browser
}

test('a stream begins with a snapshot and applies what follows it', async () => {
  const browser = await upToSeven()
  say(browser.last(), delta(8, 9))
  assert.equal(browser.phase(), 'live')
  assert.deepEqual(
    browser.changes.map((change) => change.reset),
    [true, false],
  )
})

test('a stream that lost its socket goes on where it was', async () => {
  const browser = await upToSeven()
  browser.last().on.close(1006)
  assert.equal(browser.phase(), 'waiting')
  await browser.pass(500)
  assert.equal(browser.last().path, '/u/ocean/stream?workflow=waves&since=7&epoch=a')
  say(browser.last(), hello('a', 9))
  say(browser.last(), delta(8, 9))
  assert.equal(browser.changes.length, 2)
})

test('a gap makes a stream ask for everything again', async () => {
  const browser = await upToSeven()
  say(browser.last(), delta(9, 9))
  await browser.settle()
  assert.equal(browser.dialled[0]?.closed, true)
  assert.equal(browser.last().path, '/u/ocean/stream?workflow=waves')
  assert.equal(browser.changes.length, 1, 'the change after the gap was not applied')
})

test('numbers of another epoch are a gap', async () => {
  const browser = await upToSeven()
  browser.last().on.close(1006)
  await browser.pass(500)
  say(browser.last(), hello('b', 8))
  say(browser.last(), delta(8, 8))
  await browser.settle()
  assert.equal(browser.last().path, '/u/ocean/stream?workflow=waves')
})

test('a replaced session reconnects at once and without a gap', async () => {
  const browser = await upToSeven()
  browser.last().on.close(closeCodes.sessionReplaced)
  await browser.settle()
  assert.equal(browser.dialled.length, 2)
  assert.match(browser.last().path, /since=7&epoch=a$/)
})

test('a peer that makes a stream begin anew over and over gets the back-off', async () => {
  const browser = await upToSeven()
  for (let round = 0; round < 5; round += 1) {
    browser.last().on.close(closeCodes.sessionReplaced)
    await browser.settle()
  }
  assert.equal(browser.dialled.length, 2)
  assert.equal(browser.phase(), 'waiting')
})

test('an ended session and a lost right end the stream', async () => {
  for (const [code, phase] of [
    [closeCodes.sessionEnded, 'signed-out'],
    [closeCodes.forbidden, 'forbidden'],
  ] as const) {
    const browser = await upToSeven()
    browser.last().on.close(code)
    await browser.pass(120_000)
    assert.equal(browser.phase(), phase)
    assert.equal(browser.dialled.length, 1)
  }
})

test('whoever may not connect any more is not connected', async () => {
  const browser = await upToSeven()
  browser.allowed.verdict = 'signed-out'
  browser.last().on.close(1006)
  await browser.pass(500)
  assert.equal(browser.phase(), 'signed-out')
  assert.equal(browser.dialled.length, 1)
})

test('the back-off stays brief for minutes, grows after that, and begins small after a good connection', async () => {
  const browser = await upToSeven()
  const waits: number[] = []
  const loseAgain = async () => {
    const before = browser.dialled.length
    browser.last().on.close(1006)
    let waited = 0
    while (browser.dialled.length === before) {
      await browser.pass(250)
      waited += 250
    }
    waits.push(waited)
  }
  for (let round = 0; round < 6; round += 1) await loseAgain()
  assert.deepEqual(waits, [250, 500, 750, 750, 750, 750])
  while (waits.reduce((sum, wait) => sum + wait) < 600_000) await loseAgain()
  assert.equal(waits.at(-1), 7500)
  browser.last().on.open()
  say(browser.last(), hello('a', 7))
  await browser.pass(11_000)
  browser.last().on.close(1006)
  const before = browser.dialled.length
  await browser.pass(250)
  assert.equal(browser.dialled.length, before + 1)
})

test('forty silent seconds are a dead connection, ticks are not silence', async () => {
  const browser = await upToSeven()
  for (let round = 0; round < 4; round += 1) {
    await browser.pass(15_000)
    say(browser.last(), { type: 'tick', seq: 7, now: 0 })
  }
  assert.equal(browser.dialled.length, 1)
  await browser.pass(60_000)
  assert.ok(browser.dialled.length > 1)
  assert.equal(browser.dialled[0]?.closed, true)
})

test('what is no frame makes a stream begin anew, slowly if it goes on', async () => {
  const browser = await upToSeven()
  for (const text of ['nonsense', '{"type":"delta"}', '[]']) browser.last().on.message(text)
  await browser.settle()
  assert.equal(browser.last().path, '/u/ocean/stream?workflow=waves')
  assert.ok(browser.dialled.length <= 2)
})

test('a tab that rests closes its socket and goes on at the next look', async () => {
  const browser = await upToSeven()
  browser.stream.rest()
  assert.equal(browser.dialled[0]?.closed, true)
  await browser.pass(600_000)
  assert.equal(browser.dialled.length, 1)
  browser.stream.nudge()
  await browser.settle()
  assert.match(browser.last().path, /since=7&epoch=a$/)
})

test('a closed stream stays closed', async () => {
  const browser = await upToSeven()
  const socket = browser.last()
  browser.stream.close()
  socket.on.message(JSON.stringify(delta(8, 8)))
  socket.on.close(1006)
  browser.stream.nudge()
  await browser.pass(60_000)
  assert.equal(browser.dialled.length, 1)
  assert.equal(browser.changes.length, 1)
})
