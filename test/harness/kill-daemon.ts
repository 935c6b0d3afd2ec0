/**
 * A daemon at work that is killed at random moments, also while it starts: people ask it for things, jobs run, readers
 * look at every file it publishes. What was lost, done twice or seen half written is counted.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { verifyChain } from '../../durable/chain-verify.ts'
import { readHistory } from '../../durable/feed-follower.ts'
import { errnoOf } from '../../durable/files.ts'
import type { JobRow } from '../../protocol/rows.ts'
import { type DaemonProcess, type DaemonSite, daemonSite, type Ending, spawnDaemon } from './daemon.ts'
import type { Chance } from './kill-random.ts'
import { until } from './until.ts'

const account = 'atmosphere_stage'
const run =
  'echo "$SENESCHAL_CYCLE $SENESCHAL_TASK $SENESCHAL_SUBMIT" >>"$SENESCHAL_SHARE_DIR/ran"; sleep 0.1'
const workflows = {
  [`${account}/clouds`]:
    'schedule: { initial: 1, final: 1, recurrence: P1 }\ngraph: t\ntasks: { t: { script: "true" } }\n',
  /** Without an end: jobs are always under way. */
  [`${account}/winds`]: `
schedule: { initial: 1, recurrence: P1, runahead: 2 }
graph: "fetch => climb\\nclimb[-P1] => climb"
tasks: { fetch: { script: '${run}' }, climb: { script: '${run}' } }
`,
}

export type KillCounts = {
  readonly kills: number
  /** Of them, before the daemon had said that it runs. */
  readonly whileStarting: number
  readonly requests: number
  readonly jobs: number
  /** Files that readers read while it was going on. */
  readonly reads: number
  readonly lost: number
  readonly doubled: number
  readonly torn: number
  /** A sentence for each of these. */
  readonly faults: readonly string[]
}

/** Every file that a daemon publishes for others, read whole again and again. */
const startReader = ({ layout }: DaemonSite) => {
  let reads = 0
  let reading = true
  const torn: string[] = []
  const statuses = async (parent: string): Promise<readonly string[]> =>
    (await readdir(parent)).slice(-30).map((name) => join(parent, name, 'status.json'))
  const look = async (path: string): Promise<void> => {
    const text = await readFile(path, 'utf8').catch((thrown: unknown) => {
      // Between two looks it goes from one directory to the next; a file in a consolidated day is none.
      if (['ENOENT', 'ENOTDIR'].includes(errnoOf(thrown) ?? '')) return undefined
      throw thrown
    })
    if (text === undefined) return
    reads += 1
    const whole = path.endsWith('.ndjson')
      ? text.slice(0, text.lastIndexOf('\n')).split('\n').slice(-50)
      : [text]
    for (const one of whole)
      try {
        if (one !== '') JSON.parse(one)
      } catch {
        torn.push(`${path}: ${one.slice(0, 100)}`)
      }
  }
  const feed = async (dir: string): Promise<readonly string[]> =>
    (await readdir(dir)).filter((name) => /^[^.].*\.(json|ndjson)$/.test(name)).map((name) => join(dir, name))
  const work = (async () => {
    while (reading) {
      for (const parent of [layout.processing, layout.finished, layout.error])
        for (const path of await statuses(parent)) await look(path)
      for (const dir of [layout.siteFeed, layout.accountFeed(account)])
        for (const path of await feed(dir)) await look(path)
      await sleep(20)
    }
  })()
  return {
    end: async () => {
      reading = false
      await work
      return { reads, torn }
    },
  }
}

/** Somebody holds and releases, all the time; whether the daemon is there is nothing to him. */
const startAsking = (site: DaemonSite) => {
  const ids: string[] = []
  let asking = true
  const work = (async () => {
    for (let turn = 0; asking; turn += 1) {
      const made = await site.grant({ action: turn % 2 === 0 ? 'hold' : 'release', workflow: 'clouds' })
      await site.put({ version: 1, ...made })
      ids.push(made.id)
      await sleep(15)
    }
  })()
  return {
    end: async () => {
      asking = false
      await work
      return ids
    },
  }
}

const countsOf = (names: readonly string[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

const jobsOf = async (
  site: DaemonSite,
): Promise<{ readonly jobs: readonly JobRow[]; readonly gaps: number }> => {
  const jobs = new Map<string, JobRow>()
  let last = 0
  let gaps = 0
  for await (const lines of readHistory(site.layout.accountFeed(account), 1))
    for (const { seq, put } of lines) {
      if (seq !== last + 1) gaps += 1
      last = seq
      for (const { kind, key, row } of put) if (kind === 'job') jobs.set(key, row as JobRow)
    }
  return { jobs: [...jobs.values()], gaps }
}

const isOver = ({ state }: JobRow): boolean => !['preparing', 'submitted', 'running'].includes(state)

/** What stands in the files when all is over, against what was asked for and what ran. */
const judge = async (site: DaemonSite, ids: readonly string[]) => {
  const { layout } = site
  const faults: string[] = []
  let lost = 0
  let doubled = 0
  const blame = (count: number, what: string): number => {
    if (count > 0) faults.push(`${count} ${what}`)
    return count
  }
  const shown = new Set([layout.finished, layout.error].flatMap((parent) => readdirSync(parent)))
  lost += blame(ids.filter((id) => !shown.has(id)).length, 'requests without a public answer')
  const records = readdirSync(layout.audit)
    .filter((name) => name.endsWith('.ndjson'))
    .flatMap((name) => readFileSync(join(layout.audit, name), 'utf8').trim().split('\n'))
    .map((line) => (JSON.parse(line) as { readonly request: string | null }).request ?? '')
  const recorded = countsOf(records)
  lost += blame(ids.filter((id) => !recorded.has(id)).length, 'requests without an audit record')
  doubled += blame(
    ids.filter((id) => (recorded.get(id) ?? 0) > 1).length,
    'requests with several audit records',
  )
  const ran = countsOf(
    readFileSync(join(site.jobRoot(account), 'winds/share/ran'), 'utf8')
      .trim()
      .split('\n'),
  )
  const { jobs, gaps } = await jobsOf(site)
  const done = jobs.filter(({ workflow }) => workflow === 'winds')
  const nameOf = ({ cycle, task, submit }: JobRow) => `${cycle} ${task} ${submit}`
  lost += blame(done.filter((job) => !ran.has(nameOf(job))).length, 'jobs that never ran')
  lost += blame(done.filter((job) => job.state !== 'succeeded').length, 'jobs that did not succeed')
  lost += blame(ran.size - done.length, 'jobs that ran and are not known')
  doubled += blame([...ran.values()].filter((count) => count > 1).length, 'jobs that ran more than once')
  lost += blame(gaps, 'gaps in the feed')
  const audit = await verifyChain(layout.audit)
  if (!audit.ok) faults.push(`the audit log does not verify: ${JSON.stringify(audit)}`)
  return { jobs: done.length, lost, doubled, faults }
}

/** Rejects when the daemon does not come back, or does not end by itself at last. */
export const killDaemonAtWork = async (
  t: Ending,
  settings: {
    readonly kills: number
    readonly chance: Chance
    /** Built programs; the sources' without them. */
    readonly program?: string
    readonly agent?: string
    readonly say: (line: string) => void
  },
): Promise<KillCounts> => {
  const { kills, chance, say } = settings
  const site = await daemonSite(t, {
    workflows,
    ...(settings.agent === undefined ? {} : { agent: settings.agent }),
  })
  const start = (): DaemonProcess => spawnDaemon(site, settings.program)
  let running = start()
  site.atEnd(() => running.child.kill('SIGKILL'))
  const isUp = () => running.output().includes('"running"')
  const from = performance.now()
  await until(isUp, 30_000)
  // Of the machine as it is: about every second kill comes before the daemon runs again.
  const startMs = performance.now() - from
  const asking = startAsking(site)
  const reader = startReader(site)
  let whileStarting = 0
  for (let count = 1; count <= kills; count += 1) {
    await sleep(chance.between(0, 2 * startMs))
    if (!isUp()) whileStarting += 1
    running.child.kill('SIGKILL')
    const ended = await running.ended
    if (ended !== 'SIGKILL') throw new Error(`it ended by itself (${ended}):\n${running.output()}`)
    running = start()
    if (count % 50 === 0) say(`${count} of ${kills} kills`)
    // Now and then it gets to work, or nothing would be in the making when it is hit.
    if (count % 5 === 0) await until(isUp, 60_000)
  }
  await until(isUp, 60_000)
  const ids = await asking.end()
  await until(() => readdirSync(site.layout.inbox).length === 0, 60_000)
  const { state } = await site.ask({ action: 'stop', workflow: 'winds' })
  if (state !== 'done') throw new Error(`winds was not stopped: ${state}`)
  await until(async () => (await jobsOf(site)).jobs.every(isOver), 60_000)
  const { reads, torn } = await reader.end()
  running.child.kill('SIGTERM')
  const code = await running.ended
  const judged = await judge(site, ids)
  const faults = [
    ...judged.faults,
    ...torn.slice(0, 10),
    ...(code === 0 ? [] : [`it ended with ${code}:\n${running.output()}`]),
  ]
  return { kills, whileStarting, requests: ids.length, reads, ...judged, torn: torn.length, faults }
}

/** For whoever reads the result of a run. */
export const presentKills = (counts: KillCounts): string =>
  `${counts.kills} kills (${counts.whileStarting} while starting): ${counts.requests} requests, ${counts.jobs} jobs, ` +
  `${counts.reads} files read; ${counts.lost} lost, ${counts.doubled} doubled, ${counts.torn} torn`
