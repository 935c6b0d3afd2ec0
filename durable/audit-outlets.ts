/** All ways out of one writer's audit chain, as its configuration names them. */
import type { AuditRecord } from '../protocol/audit.ts'
import type { Checkpoint } from '../protocol/checkpoints.ts'
import { syslogCheckpoint, syslogMessage } from '../protocol/syslog.ts'
import { type Outlet, startOutlet } from './audit-outlet.ts'

/** How messages leave the process; `wire/sinks.ts` has them. */
type Sink = {
  readonly send: (messages: readonly string[]) => Promise<void>
  readonly close: () => Promise<void>
}

export type OutletConfig = {
  readonly name: string
  readonly to: string
  readonly records: boolean
  readonly checkpoints: boolean
  readonly ca?: string | undefined
}

export type OutletsParts = {
  readonly sinks: readonly OutletConfig[]
  readonly openSink: (to: { readonly to: string; readonly ca?: string | undefined }) => Promise<Sink>
  /** Signs with the writer's own key. */
  readonly sign: (checkpoint: Checkpoint) => Promise<string>
  /** Of the chain. */
  readonly dir: string
  readonly writer: string
  readonly site: string
  /** This host's name, as collectors know it. */
  readonly host: string
  readonly checkpointEveryMs: number
  readonly head: () => string
  readonly now: () => number
  readonly onProblem: (outlet: string, problem: unknown) => void
}

export type Outlets = {
  readonly noted: (record: AuditRecord) => void
  /** What is on its way is given a moment; the rest goes after the next start. */
  readonly close: () => Promise<void>
}

const closesWithin = 200

/** What is no syslog takes JSON lines. */
const isSyslog = (to: string): boolean => !/^(?:https|file):/.test(to)

/** Resolves at once: a way out that cannot be opened is tried again. */
export const startOutlets = (parts: OutletsParts): Outlets => {
  const { sinks, host, writer, now } = parts
  const ending = new AbortController()
  const opened: Sink[] = []

  const start = (config: OutletConfig): Outlet => {
    let sink: Promise<Sink> | undefined
    const open = (): Promise<Sink> => {
      sink ??= parts.openSink(config).then(
        (made) => {
          opened.push(made)
          return made
        },
        (error: unknown) => {
          sink = undefined
          throw error
        },
      )
      return sink
    }
    const plain = !isSyslog(config.to)
    return startOutlet({
      ...{ dir: parts.dir, writer, head: parts.head, now, signal: ending.signal },
      ...{ name: config.name, records: config.records, checkpoints: config.checkpoints },
      checkpointEveryMs: parts.checkpointEveryMs,
      send: async (messages) => (await open()).send(messages),
      present: (record) => (plain ? JSON.stringify(record) : syslogMessage(record, host)),
      checkpoint: async ({ seq, hash }) => {
        const at = now()
        const jws = await parts.sign({ iss: writer, sub: parts.site, seq, hash, iat: Math.floor(at / 1000) })
        return plain ? JSON.stringify({ checkpoint: jws }) : syslogCheckpoint({ writer, seq, jws, at }, host)
      },
      onProblem: (problem) => parts.onProblem(config.name, problem),
    })
  }
  const outlets = sinks.map(start)

  return {
    noted: (record) => {
      for (const outlet of outlets) outlet.noted(record)
    },
    close: async () => {
      ending.abort()
      const late = new Promise((resolve) => setTimeout(resolve, closesWithin).unref())
      await Promise.race([Promise.allSettled(outlets.map(({ ended }) => ended)), late])
      await Promise.race([Promise.allSettled(opened.map((sink) => sink.close())), late])
    },
  }
}
