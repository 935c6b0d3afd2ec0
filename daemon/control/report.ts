/** `state/report.json`: what the daemon says of itself to those who run it, there also when it is not. */
import { join } from 'node:path'
import { z } from 'zod/mini'
import { readJsonFile, writeFileAtomic } from '../../durable/files.ts'
import { heartbeat } from '../../protocol/feed.ts'
import { rest } from '../../protocol/maintenance.ts'

const count = z.number().check(z.int(), z.nonnegative())

export const report = z.readonly(
  z.strictObject({
    v: z.literal(1),
    /** Epoch, ms. */
    at: z.number(),
    version: z.string(),
    epoch: count,
    state: heartbeat.def.innerType.shape.state,
    problem: z.nullable(z.string()),
    queues: z.strictObject({
      /** Requests that were accepted and not answered. */
      requests: count,
      /** Of these, plugin runs that are under way. */
      runs: count,
      /** Changes that wait for the disk. */
      changes: count,
    }),
    accounts: z.readonly(
      z.array(
        z.strictObject({
          account: z.string(),
          host: z.nullable(z.string()),
          /** Why it is not served, or its jobs are not. */
          problem: z.nullable(z.string()),
          rests: z.readonly(z.array(rest)),
          /** Jobs by how they are. */
          jobs: z.strictObject({ preparing: count, submitted: count, running: count }),
        }),
      ),
    ),
  }),
)
export type Report = z.infer<typeof report>

const reportFile = (state: string): string => join(state, 'report.json')

export const readReport = (state: string): Promise<Report | undefined> =>
  readJsonFile(reportFile(state), report)

export const writeReport = (state: string, value: Report): Promise<void> =>
  writeFileAtomic(reportFile(state), `${JSON.stringify(value)}\n`, { mode: 0o600, fsync: false })
