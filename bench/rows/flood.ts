/** A hundred thousand files of one uid wait when the daemon starts: how long a newcomer of another uid waits then. */
import { chownSync, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Desk, prepareRequests, startDesk } from '../desk.ts'
import { type Bench, judged, type Row } from '../report/row.ts'
import { percentile } from '../report/statistics.ts'

/** Nobody's: owner of the files, no account and without a name. */
const floodUid = 40_001
const newcomers = 200
const patienceMs = 60_000

const fill = (inbox: string, count: number): void => {
  mkdirSync(inbox, { recursive: true })
  const gid = process.getgid?.() ?? 0
  for (let index = 0; index < count; index += 1) {
    const path = join(inbox, `flood-${index}.json`)
    writeFileSync(path, '{"version":1}', { mode: 0o640 })
    chownSync(path, floodUid, gid)
  }
}

/** From the moment when a file is in the inbox to that when its answer can be read, ms. */
const askOne = async ({ layout, staging }: Desk, name: string): Promise<number> => {
  const id = name.replace('.json', '')
  const began = performance.now()
  renameSync(join(staging, name), join(layout.inbox, name))
  while (![layout.finished, layout.error].some((parent) => existsSync(join(parent, id)))) {
    if (performance.now() - began > patienceMs) throw new Error(`${id} got no answer in a minute`)
    await sleep(2)
  }
  return performance.now() - began
}

const measure = async (bench: Bench, count: number) => {
  const desk = await startDesk(bench, {
    before: ({ inbox }) => {
      bench.say(`flood: writing ${count.toLocaleString('en')} files`)
      fill(inbox, count)
    },
  })
  const began = performance.now()
  const waits: number[] = []
  let left = count
  for (const name of await prepareRequests(desk, newcomers)) {
    waits.push(await askOne(desk, name))
    left = readdirSync(desk.layout.inbox).length
    if (left > 0) await sleep(20)
  }
  // While nobody's were still there for all of them, it was a newcomer each time.
  const during = left
  while (left > 0) {
    await sleep(500)
    left = readdirSync(desk.layout.inbox).length
  }
  return { waits, during, took: performance.now() - began }
}

export const flood: Row = {
  name: 'flood',
  title: 'files of one uid that wait when the daemon starts, and a newcomer of another uid',
  run: async (bench) => {
    if (process.getuid?.() !== 0)
      return { figures: [], notes: ['files of another uid can only be made by root: not measured'] }
    const count = bench.quick ? 3000 : 100_000
    const { waits, during, took } = await measure(bench, count)
    const what = `answer to a newcomer, ${count.toLocaleString('en')} files waiting`
    const of = (name: string, rounds: readonly number[]) => ({
      ...{ what: `${what}, ${name}`, who: 'daemon', unit: 'ms' as const, rounds },
    })
    return {
      figures: [
        of('median', [percentile(waits, 0.5)]),
        of('99th of a hundred', [percentile(waits, 0.99)]),
        judged(of('longest', [Math.max(...waits)]), '≤ 200 ms', (value) => value <= 200),
        { what: 'all files taken up', who: 'daemon', unit: '/s', rounds: [(count / took) * 1000] },
      ],
      notes: [
        `${waits.length} newcomers, one after another; after the last of them ${during.toLocaleString('en')} files still waited`,
      ],
    }
  },
}
