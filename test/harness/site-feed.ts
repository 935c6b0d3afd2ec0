/** A site feed as a daemon writes it, for tests of what follows one: real files, rows as small as they may be. */
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type FeedWriter, openFeedWriter } from '../../durable/feed-writer.ts'
import { writeFileAtomic } from '../../durable/files.ts'
import type { PermissionSnapshot, Rules } from '../../protocol/permissions.ts'
import { type AccountRow, noCounts, type RequestRow, type SummaryRow } from '../../protocol/rows.ts'

export const layer = (rules: Rules) => ({ rules, source: { file: 'site.yaml', lines: {} } })

export const snapshotOf = (
  over: Partial<PermissionSnapshot> & Pick<PermissionSnapshot, 'accounts'>,
): PermissionSnapshot => ({
  v: 1,
  version: 1,
  at: Date.now(),
  site: layer({ read: ['everyone'], execute: ['everyone'] }),
  limits: layer({}),
  roles: { admin: ['user:admin'], auditor: [], developer: [] },
  locks: { persons: [], accounts: [], hosts: [] },
  ...over,
})

export const summaryRow = (
  account: string,
  workflow: string,
  over: Partial<SummaryRow> = {},
): SummaryRow => ({
  account,
  workflow,
  meta: {},
  state: 'running',
  held: false,
  stall: null,
  counts: noCounts,
  cycles: null,
  at: 0,
  problem: null,
  attention: [],
  ...over,
})

export const accountRow = (account: string): AccountRow => ({ account, title: null, problem: null, at: 0 })

export const requestRow = (id: string, account: string, over: Partial<RequestRow> = {}): RequestRow => ({
  id,
  account,
  action: 'hold',
  workflow: null,
  cycle: null,
  task: null,
  person: null,
  via: 'web',
  state: 'done',
  code: null,
  reason: null,
  at: 0,
  ...over,
})

export type SiteFeed = {
  readonly dir: string
  readonly writer: FeedWriter
  readonly permissions: (snapshot: PermissionSnapshot) => Promise<void>
  readonly heartbeat: (at: number) => Promise<void>
  readonly put: (
    kind: 'summary' | 'account' | 'request' | 'layer' | 'audit',
    key: string,
    row: unknown,
  ) => Promise<void>
  readonly drop: (kind: string, key: string) => Promise<void>
}

/** `gid`: who may read it besides its owner. */
export const siteFeed = async (
  t: Pick<TestContext, 'after'>,
  root: string,
  gid?: number,
): Promise<SiteFeed> => {
  const dir = join(root, 'feed/site')
  const writer = await openFeedWriter({ dir, dirMode: 0o750, fileMode: 0o640, gid })
  t.after(() => writer.close())
  let journal = 0
  const append = async (change: Pick<Parameters<FeedWriter['append']>[0], 'put' | 'drop'>) => {
    journal += 1
    writer.append({ journal, at: Date.now(), ...change })
    await writer.flush()
  }
  const write = (name: string, value: unknown) =>
    writeFileAtomic(join(dir, name), JSON.stringify(value), { mode: 0o640, gid, fsync: false })
  return {
    dir,
    writer,
    permissions: (snapshot) => write('permissions.json', snapshot),
    heartbeat: (at) =>
      write('heartbeat.json', { v: 1, at, version: '0.1.0', state: 'running', problem: null, audit: '' }),
    put: (kind, key, row) => append({ put: [{ kind, key, row }], drop: [] }),
    drop: (kind, key) => append({ put: [], drop: [{ kind, key }] }),
  }
}
