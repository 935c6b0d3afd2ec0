/** What is told of a daemon to those who run it, from its files alone. */
import { readdir } from 'node:fs/promises'
import type { DaemonConfig } from '../daemon/config.ts'
import { windowsOf } from '../daemon/control/config.ts'
import { readControl } from '../daemon/control/files.ts'
import { type Report, readReport } from '../daemon/control/report.ts'
import { nameOfWindow } from '../daemon/control/standstill.ts'
import { siteLayout } from '../daemon/layout.ts'
import type { Holder } from '../daemon/lease/holder.ts'
import { silentAfter } from '../protocol/feed.ts'
import type { MaintenanceWindow } from '../protocol/maintenance.ts'

export type DaemonStatus = {
  /** Whether a process has the state, here or elsewhere. */
  readonly runs: boolean
  readonly presence: Holder['presence']
  readonly holder: {
    readonly host: string
    readonly pid: number
    readonly started: number
    readonly heard: number
  } | null
  readonly epoch: number
  /** Entries in the inbox that are not taken up yet. */
  readonly inbox: number
  readonly drained: boolean
  readonly windows: readonly MaintenanceWindow[]
  /** Files in `state/control` that are not what they should be. */
  readonly unreadable: readonly string[]
  /** The daemon's own last word; null before the first start. */
  readonly report: Report | null
  /** Its age, ms. */
  readonly age: number | null
}

export const allWindows = async (
  config: DaemonConfig,
  state: string,
  now: number,
): Promise<readonly MaintenanceWindow[]> =>
  [...windowsOf(config.maintenance), ...(await readControl(state)).windows]
    .filter(({ until }) => until > now)
    .sort((a, b) => a.from - b.from)

export const readStatus = async (of: {
  readonly config: DaemonConfig
  readonly state: string
  readonly holder: Holder
  readonly now: number
}): Promise<DaemonStatus> => {
  const { config, state, now } = of
  const { lease, presence } = of.holder
  const asked = await readControl(state)
  const report = (await readReport(state)) ?? null
  const runs = presence === 'here' || presence === 'elsewhere'
  return {
    runs,
    presence,
    holder:
      lease === undefined || !runs
        ? null
        : { host: lease.host, pid: lease.pid, started: lease.started, heard: lease.renewed },
    epoch: lease?.epoch ?? 0,
    inbox: (await readdir(siteLayout(config.root).inbox)).length,
    drained: asked.drained && (runs || config.keepDrained),
    windows: await allWindows(config, state, now),
    unreadable: asked.unreadable,
    report,
    age: report === null ? null : now - report.at,
  }
}

const stamp = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')

export const windowLine = (window: MaintenanceWindow, now: number): string => {
  const { id, from, until, reason } = window
  const when = `${stamp(from)} to ${stamp(until)}`
  const words = [id, from <= now ? 'now' : 'later', nameOfWindow(window), when, reason ?? '']
  return words.join('  ').trimEnd()
}

const stateOf = ({ runs, presence, report, age, holder }: DaemonStatus): string => {
  if (presence === 'silent') return 'silent: its host was not heard of for a minute'
  if (!runs) return 'stopped'
  const word = report?.state ?? 'starting'
  const where = `${word} on ${holder?.host} as process ${holder?.pid} since ${stamp(holder?.started ?? 0)}`
  return age !== null && age > silentAfter ? `${where}, but silent for ${Math.round(age / 1000)} s` : where
}

/** A line each: what, then how it is. */
export const statusLines = (status: DaemonStatus): readonly string[] => {
  const { report, windows } = status
  const now = (report?.at ?? 0) + (status.age ?? 0)
  const row = (name: string, value: string | number): string => `${name.padEnd(13)}${value}`
  return [
    row('state', stateOf(status)),
    row('epoch', status.epoch),
    row('drain', status.drained ? 'nothing new starts' : 'no'),
    row('inbox', `${status.inbox} files`),
    ...(report === null
      ? []
      : [
          row('version', report.version),
          row('requests', `${report.queues.requests} open, ${report.queues.runs} of them plugin runs`),
          row('disk', `${report.queues.changes} changes wait`),
          row('problem', report.problem ?? 'none'),
        ]),
    ...status.unreadable.map((why) => row('unreadable', why)),
    ...windows.map((window) => row('maintenance', windowLine(window, now))),
    ...(report?.accounts ?? []).map(({ account, host, problem, jobs, rests }) => {
      const busy = `${jobs.running} running, ${jobs.submitted} submitted, ${jobs.preparing} preparing`
      const words = [`${account} on ${host ?? 'no host'}: ${busy}`, ...(rests.length > 0 ? ['rests'] : [])]
      return row('account', [...words, ...(problem === null ? [] : [problem])].join('; '))
    }),
  ]
}
