/** Privileges that end while a thousand sockets of the person are open: what closes, what is lost, who acts after it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { openWatchersOf, publishRecords, seqsOf } from '../audit-watchers.ts'
import { type Figure, judged, type Row } from '../report/row.ts'
import { makeLayout, startBenchSite } from '../site.ts'

const sockets = 1000
const account = 'atmosphere_stage'
const tries = 50

export const expiry: Row = {
  name: 'expiry',
  title: `raised privileges end under ${sockets} open sockets`,
  run: async (bench) => {
    const layout = makeLayout(bench)
    const spawner = { kind: 'local' as const, homeRoot: layout.homes, command: ['false'] }
    const site = await startBenchSite(bench, { layout, accounts: [account], spawner, elevation: 'PT20S' })
    // Signs in and raises privileges.
    const admin = await site.signIn('admin')
    const elevation = async (): Promise<{ readonly until: number } | null> =>
      ((await admin.ask('GET', '/api/session')).body as { elevation: { until: number } | null }).elevation
    const hold = async (): Promise<number> =>
      (await admin.change('POST', `/api/accounts/${account}/actions/hold`, { workflow: 'clouds', args: {} }))
        .status
    const heard = await openWatchersOf(site, [site.headers(admin)], sockets)
    const publishing = publishRecords(site, account, 10)
    bench.defer(publishing.stop)
    bench.defer(() => {
      for (const { socket } of heard) socket.terminate()
    })
    const until = (await elevation())?.until
    if (until === undefined) throw new Error('privileges ended before all sockets were open')
    const before = await hold()
    // No daemon is there to take it: what is looked at is whether the gate lets it through.
    if (before === 403) throw new Error('nothing could be done with raised privileges')
    await sleep(Math.max(0, until - Date.now()))
    const after = await Promise.all(Array.from({ length: tries }, hold))
    await sleep(5000)
    const said = publishing.stop()
    await sleep(2000)

    const ended = heard.map(
      ({ records }) => records.find(({ record }) => record.event === 'elevation.ended')?.at,
    )
    const open = heard.filter(({ socket }) => socket.readyState === socket.OPEN).length
    const lost = heard.reduce((sum, one) => sum + said - new Set(seqsOf(one)).size, 0)
    const none = (what: string, rounds: readonly number[]): Figure =>
      judged({ what, who: 'hub', unit: '', rounds }, '0', (value) => value === 0)
    return {
      figures: [
        none('sockets closed', [sockets - open]),
        none('events lost', [lost]),
        none(`of ${tries} actions after the end, not refused`, [
          after.filter((status) => status !== 403).length,
        ]),
        none('sockets that were not told of the end', [ended.filter((at) => at === undefined).length]),
        {
          what: 'from the end to the last socket that was told',
          who: 'hub',
          unit: 'ms',
          rounds: [Math.max(...ended.map((at) => (at ?? Number.POSITIVE_INFINITY) - until))],
        },
      ],
      notes: [`${sockets} sockets of one session on the audit log, 10 records a second on each`],
    }
  },
}
