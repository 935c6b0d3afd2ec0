/**
 * A hub as it is installed (the built program, its own process) with a real identity provider. Its site feed is
 * written here: a daemon's workflows would take turns with what is measured.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hubConfigOf, type Layout, layoutAt, prepare, writeConfig } from '../demo/layout.ts'
import { startSiteProvider } from '../demo/site-provider.ts'
import { type FeedWriter, openFeedWriter } from '../durable/feed-writer.ts'
import { writeFileAtomic } from '../durable/files.ts'
import type { SpawnerConfig } from '../spawners/registry.ts'
import { accountRow, layer, snapshotOf, summaryRow } from '../test/harness/site-feed.ts'
import { createVisitor, type Visitor } from '../test/harness/visitor.ts'
import { freePorts } from './ports.ts'
import { answers, type Program, profiling, startProgram } from './processes.ts'
import type { Bench } from './report/row.ts'

const root = join(import.meta.dirname, '..')
export const siteProgram = join(root, 'dist/site/seneschal.mjs')
export const farProgram = join(root, 'dist/far/seneschal.mjs')

export type BenchSite = {
  readonly layout: Layout
  readonly port: number
  readonly hub: Program
  readonly feed: FeedWriter
  readonly signIn: (person: string) => Promise<Visitor>
  /** Asks for the account's UI server and waits until it is on; resolves to ms from the request to that. */
  readonly open: (visitor: Visitor, account: string) => Promise<number>
  /** By an administrator who raised privileges. */
  readonly close: (admin: Visitor, account: string) => Promise<void>
  /** Headers of a browser in which somebody signed in. */
  readonly headers: (visitor: Visitor) => Readonly<Record<string, string>>
}

/** Its directory; also homes of accounts, which the caller may want elsewhere. */
export const makeLayout = (bench: Bench): Layout => {
  const dir = mkdtempSync(join(tmpdir(), 'seneschal-bench-'))
  bench.defer(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))
  chmodSync(dir, 0o755)
  const layout = layoutAt(dir)
  prepare(layout, Date.now())
  return layout
}

const writeFeed = async (layout: Layout, accounts: readonly string[]): Promise<FeedWriter> => {
  const dir = join(layout.site, 'feed/site')
  mkdirSync(dir, { recursive: true })
  const feed = await openFeedWriter({ dir, dirMode: 0o755, fileMode: 0o644 })
  const at = Date.now()
  feed.append({
    journal: 1,
    at,
    put: accounts.flatMap((account) => [
      { kind: 'account', key: account, row: accountRow(account) },
      ...['clouds', 'winds', 'waves'].map((workflow) => ({
        kind: 'summary',
        key: `${account}/${workflow}`,
        row: summaryRow(account, workflow),
      })),
    ]),
    drop: [],
  })
  await feed.flush()
  const snapshot = snapshotOf({
    site: layer({ read: ['everyone'], execute: ['everyone'], write: ['group:oidc/site-admins'] }),
    roles: { admin: ['group:oidc/site-admins'], auditor: [], developer: [] },
    accounts: Object.fromEntries(
      accounts.map((account) => [account, { owners: [], cli: 'refuse' as const, workflows: {} }]),
    ),
  })
  const beat = { v: 1, at, version: '0.1.0', state: 'running', problem: null, audit: '' }
  const settings = { mode: 0o644, fsync: false }
  await writeFileAtomic(join(dir, 'permissions.json'), JSON.stringify(snapshot), settings)
  await writeFileAtomic(join(dir, 'heartbeat.json'), JSON.stringify(beat), settings)
  return feed
}

/** Resolves when the account's server is on, rejects with what its start said when it failed. */
const whenOn = async (
  port: number,
  headers: Readonly<Record<string, string>>,
  account: string,
): Promise<void> => {
  const leave = new AbortController()
  const url = `http://localhost:${port}/api/accounts/${account}/server/progress`
  const response = await fetch(url, { headers, signal: leave.signal })
  if (response.body === null || response.status !== 200) throw new Error(`no progress: ${response.status}`)
  let said = ''
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    said += chunk
    if (said.includes('"state":"on"')) break
    if (said.includes('"state":"failed"')) throw new Error(`${account} did not start: ${said}`)
  }
  leave.abort()
}

export const startBenchSite = async (
  bench: Bench,
  parts: {
    readonly layout: Layout
    readonly accounts: readonly string[]
    readonly spawner: SpawnerConfig
    /** How long raised privileges last. */
    readonly elevation?: string
  },
): Promise<BenchSite> => {
  const { layout, accounts, spawner, elevation = 'PT1H' } = parts
  const port = await freePorts(2)
  const at = { hub: `http://localhost:${port}`, provider: `http://127.0.0.1:${port + 1}`, port }
  const feed = await writeFeed(layout, accounts)
  bench.defer(() => feed.close())
  const provider = await startSiteProvider(layout, at)
  bench.defer(() => provider.close())
  const title = 'Bench'
  const webDir = join(root, 'dist/web')
  writeConfig(
    layout.hubConfig,
    hubConfigOf({ layout, at, title, spawner, elevation, webDir, unixGroups: false }),
  )
  const hub = await startProgram({
    command: process.execPath,
    args: [...profiling(bench), siteProgram, 'hub', '--config', layout.hubConfig],
    cwd: layout.dir,
    isUp: () => answers(`${at.hub}/healthz`),
  })
  bench.defer(hub.stop)

  const headers: BenchSite['headers'] = (visitor) => ({
    cookie: visitor.cookieHeader(new URL(at.hub)),
    origin: at.hub,
  })
  const submit = async (visitor: Visitor, url: string, name: string) => {
    const page = await visitor.open(url)
    if (page.url.origin !== at.hub) await visitor.submit(page, { name, password: name })
  }
  return {
    layout,
    port,
    hub,
    feed,
    headers,
    signIn: async (person) => {
      const visitor = createVisitor({ origin: at.hub, port })
      await submit(visitor, '/auth/login', person)
      if (person === 'admin') {
        const answer = await visitor.change('POST', '/auth/elevate', { class: 'write' })
        await submit(visitor, (answer.body as { location: string }).location, person)
      }
      return visitor
    },
    open: async (visitor, account) => {
      const began = performance.now()
      const answer = await visitor.change('POST', `/api/accounts/${account}/server`)
      if (answer.status !== 202) throw new Error(`${account} may not be started: ${answer.text}`)
      // What the former server's start had said is gone by now.
      await whenOn(port, headers(visitor), account)
      return performance.now() - began
    },
    close: async (admin, account) => {
      const answer = await admin.change('DELETE', `/api/accounts/${account}/server`)
      if (answer.status !== 204) throw new Error(`${account} was not stopped: ${answer.text}`)
    },
  }
}
