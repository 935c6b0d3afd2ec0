/**
 * How many requests the daemon answers in a second: each one verified, decided, applied, durable, audited, published.
 * Beside it what the disk alone would allow somebody who makes each request durable by itself.
 */
import { readdirSync, renameSync, rmSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Desk, prepareRequests, startDesk } from '../desk.ts'
import { cpuTime } from '../processes.ts'
import { takeTurns } from '../report/rounds.ts'
import { against, judged, type Row } from '../report/row.ts'

type Answered = { readonly perSecond: number; readonly cpu: number }

/** All of them appear at once; a file goes when its answer is on disk. */
const answerAll = async (desk: Desk, count: number): Promise<Answered> => {
  const { layout, staging, daemon } = desk
  const names = await prepareRequests(desk, count)
  const cpu = cpuTime(daemon.pid)
  const began = performance.now()
  for (const name of names) renameSync(join(staging, name), join(layout.inbox, name))
  while (readdirSync(layout.inbox).length > 0) {
    if (performance.now() - began > 120_000)
      throw new Error(`not answered within two minutes:\n${daemon.output()}`)
    await sleep(10)
  }
  const took = performance.now() - began
  const used = cpuTime(daemon.pid) - cpu
  const shown = [layout.finished, layout.error].flatMap((parent) =>
    readdirSync(parent).map((name) => join(parent, name)),
  )
  if (shown.length !== count) throw new Error(`${shown.length} answers to ${count} requests`)
  for (const path of shown) rmSync(path, { recursive: true })
  return { perSecond: count / (took / 1000), cpu: (used * 1000) / count }
}

/** So many at once wait for the disk, as with the daemon's own files. */
const abreast = 32

/** Written, synced and renamed, each by itself: what a daemon without a journal would do at least. */
const writeAll = async ({ staging }: Desk, count: number): Promise<Answered> => {
  const dir = join(staging, 'bare')
  await mkdir(dir)
  const one = async (index: number): Promise<void> => {
    const temp = join(dir, `.${index}`)
    await using file = await open(temp, 'wx', 0o640)
    await file.write(JSON.stringify({ version: 1, index, text: 'x'.repeat(700) }))
    await file.sync()
    await rename(temp, join(dir, `${index}.json`))
  }
  const before = process.cpuUsage()
  const began = performance.now()
  for (let index = 0; index < count; index += abreast)
    await Promise.all(Array.from({ length: Math.min(abreast, count - index) }, (_, n) => one(index + n)))
  const took = performance.now() - began
  const { user, system } = process.cpuUsage(before)
  await rm(dir, { recursive: true })
  return { perSecond: count / (took / 1000), cpu: (user + system) / count }
}

export const requests: Row = {
  name: 'requests',
  title: 'granted requests answered durably by the daemon: from the inbox to its answer on disk',
  run: async (bench) => {
    const desk = await startDesk(bench)
    const count = bench.quick ? 400 : 4000
    const turns = await takeTurns(bench, 'requests', [
      { who: 'daemon', measure: () => answerAll(desk, count) },
      { who: 'bare files', measure: () => writeAll(desk, count) },
    ])
    const rounds = turns.get('daemon') ?? []
    const bare = turns.get('bare files') ?? []
    const what = `${count.toLocaleString('en')} requests at once`
    return {
      figures: [
        judged(
          { what, who: 'daemon', unit: '/s', rounds: rounds.map(({ perSecond }) => perSecond) },
          '≥ 2,000/s',
          (value) => value >= 2000,
        ),
        ...against({ what, who: 'daemon', unit: '/s', rounds: rounds.map(({ perSecond }) => perSecond) }, [
          { who: 'bare write, fsync, rename', rounds: bare.map(({ perSecond }) => perSecond) },
        ]).slice(1),
        { what: 'CPU for each', who: 'daemon', unit: 'µs', rounds: rounds.map(({ cpu }) => cpu) },
      ],
      notes: [
        'hold and release by turns on eight workflows; one that finds nothing to change is refused, which is an answer too',
      ],
    }
  },
}
