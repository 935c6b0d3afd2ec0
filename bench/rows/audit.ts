/** The audit log: how fast a chain is verified, how long a search takes, how soon a thousand watchers are told. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openChain } from '../../durable/chain.ts'
import { verifyChain } from '../../durable/chain-verify.ts'
import { openAuditIndex } from '../../hub/audit-index.ts'
import type { AuditRecord } from '../../protocol/audit.ts'
import { openWatchers, publishRecords, seqsOf } from '../audit-watchers.ts'
import { type Bench, type Figure, judged, type Row } from '../report/row.ts'
import { percentile } from '../report/statistics.ts'
import { makeLayout, startBenchSite } from '../site.ts'

const persons = ['jacintar', 'mel', 'owner', 'admin', 'ioana', 'pedro']
const actions = ['stop', 'hold', 'release', 'trigger', 'pause'] as const
const count = 200_000
const together = 2000

/** A chain as a site of 60 accounts leaves it, and its records. */
const writeChain = async (dir: string): Promise<readonly AuditRecord[]> => {
  let now = Date.UTC(2026, 0, 1)
  const chain = await openChain({ dir, writer: 'daemon/main', now: () => now })
  const records: AuditRecord[] = []
  for (let next = 0; next < count; next += together) {
    now += 60_000
    const entries = Array.from({ length: together }, (_, index) => next + index)
    const written = entries.map((index) =>
      chain.append({
        event: index % 10 === 0 ? 'action.not-done' : 'action.done',
        outcome: index % 10 === 0 ? 'refused' : 'done',
        code: index % 10 === 0 ? 'permission.denied' : null,
        person: persons[index % persons.length] ?? null,
        account: `account_${index % 60}`,
        workflow: `flow_${index % 7}`,
        cycle: String(index),
        task: 'climb',
        action: actions[index % actions.length] ?? null,
        request: `01890000-0000-7000-8000-${index.toString(16).padStart(12, '0')}`,
      }),
    )
    records.push(...(await Promise.all(written)))
  }
  await chain.close()
  return records
}

const everybody = () => true
/** What people ask for; of the last two nothing is found, so everything is looked through. */
const questions = {
  'the newest': {},
  'of one person': { person: 'mel' },
  'refused, in one account': { outcome: 'refused', account: 'account_10' },
  'a request by its id': { text: '01890000-0000-7000-8000-00000001e240' },
  'a word that most have': { text: 'climb' },
  'one letter': { text: 'c' },
  'two letters that none has': { text: 'qz' },
  'one letter that none has, for somebody who sees half': {
    text: '§',
    visible: ({ workflow }: Pick<AuditRecord, 'workflow'>) => Number(workflow?.at(-1)) % 2 === 0,
  },
} as const

const searching = (bench: Bench, dir: string, records: readonly AuditRecord[]): readonly Figure[] => {
  const file = join(dir, 'index.sqlite')
  const open = () =>
    openAuditIndex(file, {
      onProblem: (thrown) => {
        throw thrown
      },
      isFull: () => false,
    })
  const writing = open()
  const began = performance.now()
  for (let next = 0; next < records.length; next += together)
    writing.add(records.slice(next, next + together))
  writing.close()
  const indexed = count / ((performance.now() - began) / 1000)
  const taken = new Map<string, number[]>()
  for (let round = 0; round < bench.rounds; round += 1)
    for (const [what, query] of Object.entries(questions)) {
      // Each in an index of its own, of which nothing is in this process's memory yet.
      const index = open()
      const from = performance.now()
      index.search({ limit: 100, visible: everybody, ...query })
      const took = performance.now() - from
      index.close()
      taken.set(what, [...(taken.get(what) ?? []), took])
    }
  return [
    { what: 'records indexed', who: 'hub', unit: '/s', rounds: [indexed] },
    ...[...taken].map(([what, rounds]) =>
      judged(
        { what: `search of 200,000, ${what}`, who: 'hub', unit: 'ms', rounds },
        '≤ 300 ms',
        (ms) => ms <= 300,
      ),
    ),
  ]
}

const watchers = 1000
const perSecond = 20

const streaming = async (bench: Bench): Promise<readonly Figure[]> => {
  const layout = makeLayout(bench)
  const account = 'atmosphere_stage'
  const spawner = { kind: 'local' as const, homeRoot: layout.homes, command: ['false'] }
  const site = await startBenchSite(bench, { layout, accounts: [account], spawner })
  const heard = await openWatchers(site, ['admin', 'mel', 'jacintar'], watchers)
  const publishing = publishRecords(site, account, perSecond)
  bench.defer(publishing.stop)
  bench.defer(() => {
    for (const { socket } of heard) socket.terminate()
  })
  await sleep(bench.quick ? 5000 : 20_000)
  const told = publishing.stop()
  await sleep(2000)
  const late = heard.flatMap(({ records }) =>
    records
      .filter(({ record }) => record.writer.startsWith('daemon/'))
      .map(({ at, record }) => at - Date.parse(record.time)),
  )
  const missed = heard.reduce((sum, one) => sum + told - new Set(seqsOf(one)).size, 0)
  const what = `${watchers} watchers, ${perSecond} records/s`
  return [
    { what: `told live, ${what}, p50`, who: 'hub', unit: 'ms', rounds: [percentile(late, 0.5)] },
    judged(
      { what: `told live, ${what}, p99`, who: 'hub', unit: 'ms', rounds: [percentile(late, 0.99)] },
      '≤ 250 ms',
      (ms) => ms <= 250,
    ),
    judged(
      { what: `records missed, ${what}`, who: 'hub', unit: '', rounds: [missed] },
      '0',
      (lost) => lost === 0,
    ),
  ]
}

export const audit: Row = {
  name: 'audit',
  title: 'the audit log: verified, searched, and told to a thousand watchers',
  run: async (bench) => {
    const dir = mkdtempSync(join(tmpdir(), 'seneschal-bench-audit-'))
    bench.defer(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))
    const records = await writeChain(dir)
    bench.say(`${records.length} records are written`)
    const rates: number[] = []
    for (let round = 0; round <= bench.rounds; round += 1) {
      const from = performance.now()
      const { ok } = await verifyChain(dir)
      if (!ok) throw new Error('a chain that was just written does not verify')
      // The first one does not count.
      if (round > 0) rates.push(count / ((performance.now() - from) / 1000))
    }
    return {
      figures: [
        judged(
          { what: 'records verified', who: 'audit verify', unit: '/s', rounds: rates },
          '≥ 250,000/s',
          (rate) => rate >= 250_000,
        ),
        ...searching(bench, dir, records),
        ...(await streaming(bench)),
      ],
      notes: [
        'told live: from the time in the record to each socket, through the published feed of a daemon; the watchers are one process',
      ],
    }
  },
}
