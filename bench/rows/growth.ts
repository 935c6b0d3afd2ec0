/** What the daemon still holds in memory when it has answered a million requests, against ten thousand. */
import { readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Desk, prepareRequests, startDesk } from '../desk.ts'
import { rss } from '../processes.ts'
import { type Bench, judged, type Row } from '../report/row.ts'

/** As many as are made, put in and taken away again at once. */
const batch = 2000
/** Ids of grants are remembered until no grant with them could be taken any more: longer than this, none. */
const forgottenAfterMs = 8 * 60_000

/** Speaks to Node's inspector: what is garbage must not count. */
const collectGarbage = async (desk: Desk): Promise<void> => {
  const url = /ws:\/\/127\.0\.0\.1:\S+/.exec(desk.daemon.output())?.[0]
  if (url === undefined) throw new Error(`no inspector:\n${desk.daemon.output()}`)
  const socket = new WebSocket(url)
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  const answered = new Promise((resolve) => socket.addEventListener('message', resolve, { once: true }))
  socket.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' }))
  await answered
  socket.close()
}

/** V8 keeps pages that it needs no more for eight seconds before it gives them back, ms. */
const restMs = 12_000

/** At rest: what the kernel counts, once the collector has given back what it keeps for a burst. */
const memoryOf = async (desk: Desk): Promise<number> => {
  await collectGarbage(desk)
  await sleep(restMs)
  let least = Number.POSITIVE_INFINITY
  for (let look = 0; look < 5; look += 1) {
    await collectGarbage(desk)
    await sleep(1000)
    least = Math.min(least, rss(desk.daemon.pid) / 1024)
  }
  return least
}

/** A file goes when its answer is on disk; what is published of it goes too, which is retention's work elsewhere. */
const answer = async ({ layout, staging }: Desk, names: readonly string[]): Promise<void> => {
  for (const name of names) renameSync(join(staging, name), join(layout.inbox, name))
  while (readdirSync(layout.inbox).length > 0) await sleep(20)
  for (const parent of [layout.finished, layout.error])
    for (const name of readdirSync(parent)) rmSync(join(parent, name), { recursive: true, force: true })
}

/** The next ones are made while these are answered: there are many. */
const answerUpTo = async (bench: Bench, desk: Desk, from: number, to: number): Promise<void> => {
  let next = prepareRequests(desk, Math.min(batch, to - from))
  for (let done = from; done < to; done += batch) {
    const names = await next
    next = prepareRequests(desk, Math.max(0, Math.min(batch, to - done - batch)))
    await answer(desk, names)
    if ((done / batch) % 500 === 499)
      bench.say(`${(done + batch).toLocaleString('en')} answered: ${(await memoryOf(desk)).toFixed(1)} MB`)
  }
}

export const growth: Row = {
  name: 'growth',
  title: 'memory of the daemon at rest after many requests, against few',
  run: async (bench) => {
    const few = bench.quick ? 2000 : 10_000
    const many = bench.quick ? 20_000 : 1_000_000
    const desk = await startDesk(bench, { options: ['--inspect=127.0.0.1:0'] })
    await answerUpTo(bench, desk, 0, few)
    const before = await memoryOf(desk)
    await answerUpTo(bench, desk, few, many)
    const loaded = await memoryOf(desk)
    if (!bench.quick) {
      bench.say('until the ids of grants may be forgotten')
      await sleep(forgottenAfterMs)
      await answer(desk, await prepareRequests(desk, batch))
    }
    const after = await memoryOf(desk)
    const of = (count: number, rounds: readonly number[]) => ({
      ...{ what: `after ${count.toLocaleString('en')} requests`, who: 'daemon', unit: 'MB' as const, rounds },
    })
    return {
      figures: [
        of(few, [before]),
        judged(of(many, [after]), '≤ 1.2 × of the former', (value) => value <= before * 1.2),
        { ...of(many, [loaded]), what: 'the same, ids of the last minutes included' },
      ],
      notes: [
        'granted requests: each id is remembered until no grant with it could be taken any more, seven minutes',
      ],
    }
  },
}
