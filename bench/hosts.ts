/** Several hosts on this machine, and the program as it is installed on them. */
import { mkdtempSync } from 'node:fs'
import { chmod, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { install } from '../demo/install.ts'
import type { Bench } from './report/row.ts'

export const hostNames = ['n1', 'n2', 'n3', 'n4']

/** The bundles, where every account can read them; and what ends with the row. */
export const ground = async (bench: Bench) => {
  const dir = mkdtempSync(join(tmpdir(), 'seneschal-bench-'))
  await chmod(dir, 0o755)
  bench.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }))
  const { agent } = install(join(dir, 'installed'))
  const afters: (() => unknown)[] = []
  // Hubs end before the hosts do: in the order in which they were told.
  bench.defer(async () => {
    for (const after of afters) await after()
  })
  const t: Pick<TestContext, 'after'> = { after: (work) => void afters.push(work as () => unknown) }
  return { t, account: () => ({ command: `${agent} agent --role hub` }) }
}
