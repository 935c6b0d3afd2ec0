/** A hub with sockets that listen to its audit log, and records as a daemon publishes them, a steady number a second. */
import { WebSocket } from 'ws'
import { auditFrame } from '../protocol/api.ts'
import type { AuditRecord } from '../protocol/audit.ts'
import { daemonRecord } from '../test/harness/audit-record.ts'
import type { BenchSite } from './site.ts'

export type Heard = {
  readonly socket: WebSocket
  /** Told records with the time at which each came, epoch ms. */
  readonly records: { readonly at: number; readonly record: AuditRecord }[]
}

/** The same frame goes to many: it is parsed once for all of them. */
const createParser = () => {
  const known = new Map<string, readonly AuditRecord[]>()
  return (data: Buffer): readonly AuditRecord[] => {
    const text = data.toString()
    const records = known.get(text) ?? auditFrame.parse(JSON.parse(text)).records
    if (known.size > 1000) known.clear()
    known.set(text, records)
    return records
  }
}

const atOnce = 50

/** So many sockets, of these persons in turn. */
export const openWatchers = async (
  site: BenchSite,
  persons: readonly string[],
  count: number,
): Promise<readonly Heard[]> => {
  const headers = await Promise.all(persons.map(async (person) => site.headers(await site.signIn(person))))
  return openWatchersOf(site, headers, count)
}

export const openWatchersOf = async (
  site: Pick<BenchSite, 'port'>,
  headers: readonly Readonly<Record<string, string>>[],
  count: number,
): Promise<readonly Heard[]> => {
  const parse = createParser()
  const open = (index: number): Promise<Heard> =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://localhost:${site.port}/api/audit/stream`, {
        headers: headers[index % headers.length] ?? {},
        perMessageDeflate: false,
      })
      const heard: Heard = { socket, records: [] }
      socket.on('message', (data: Buffer) => {
        const at = Date.now()
        for (const record of parse(data)) heard.records.push({ at, record })
      })
      socket.once('open', () => resolve(heard)).once('error', reject)
    })
  const all: Heard[] = []
  for (let next = 0; next < count; next += atOnce) {
    const many = Math.min(atOnce, count - next)
    all.push(...(await Promise.all(Array.from({ length: many }, (_, index) => open(next + index)))))
  }
  return all
}

/** Publishes records of now until told to stop; resolves to how many there were. */
export const publishRecords = (
  site: Pick<BenchSite, 'feed'>,
  account: string,
  perSecond: number,
): { readonly stop: () => number } => {
  let seq = 0
  const timer = setInterval(() => {
    seq += 1
    const at = Date.now()
    const row = daemonRecord(seq, { time: new Date(at).toISOString(), account })
    site.feed.append({
      journal: seq + 1,
      at,
      put: [{ kind: 'audit', key: `${row.writer}#${seq}`, row }],
      drop: [],
    })
  }, 1000 / perSecond)
  return {
    stop: () => {
      clearInterval(timer)
      return seq
    },
  }
}

/** Numbers of a daemon's records in the order in which a socket was told. */
export const seqsOf = ({ records }: Heard): readonly number[] =>
  records.filter(({ record }) => record.writer.startsWith('daemon/')).map(({ record }) => record.seq)
