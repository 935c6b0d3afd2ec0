/** Hubs with the bench's upstream behind them: one on this host as the same user, one through a real sshd. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canRunSshd, newKeyPair, startSshd } from '../test/harness/sshd.ts'
import { uniqueAccount } from '../test/harness/unix-accounts.ts'
import { bundleUpstream, type Far } from './far.ts'
import type { Bench } from './report/row.ts'
import { type BenchSite, makeLayout, startBenchSite } from './site.ts'

export type Way = {
  readonly site: BenchSite
  readonly accounts: readonly string[]
  /** Of somebody signed in. */
  readonly headers: Readonly<Record<string, string>>
}
export type LocalWay = Way & {
  /** The same upstream without a hub. */
  readonly upstreamPort: number
  readonly upstreamPid: number
}

const openAll = async (site: BenchSite, accounts: readonly string[]): Promise<Way> => {
  const visitor = await site.signIn('jacintar')
  for (const account of accounts) await site.open(visitor, account)
  return { site, accounts, headers: site.headers(visitor) }
}

export const startLocalWay = async (
  bench: Bench,
  far: Far,
  accounts: readonly string[],
): Promise<LocalWay> => {
  const layout = makeLayout(bench)
  for (const account of accounts) mkdirSync(join(layout.homes, account), { mode: 0o700 })
  const command = [far.node, far.entry, 'agent', '--role', 'hub']
  const site = await startBenchSite(bench, {
    layout,
    accounts,
    spawner: { kind: 'local', homeRoot: layout.homes, command },
  })
  const way = await openAll(site, accounts)
  const upstreams = accounts.map(
    (account) =>
      JSON.parse(readFileSync(join(layout.homes, account, 'bench-upstream.json'), 'utf8')) as {
        readonly port: number
        readonly pid: number
      },
  )
  bench.defer(() => {
    for (const { pid } of upstreams) process.kill(pid)
  })
  const [first] = upstreams
  if (first === undefined) throw new RangeError('no accounts')
  return { ...way, upstreamPort: first.port, upstreamPid: first.pid }
}

/** undefined where there is no sshd, or no right to start it. */
export const startSshWay = async (bench: Bench, far: Far): Promise<Way | undefined> => {
  if (!(await canRunSshd())) return undefined
  const layout = makeLayout(bench)
  const account = uniqueAccount()
  const key = newKeyPair()
  const keyFile = join(layout.hub, 'ssh-key')
  writeFileSync(keyFile, key.privateKey, { mode: 0o600 })
  const command = `${far.node} ${far.entry} agent --role hub`
  const sshd = await startSshd({
    dir: layout.homes,
    accounts: [{ name: account, keys: [{ publicKey: key.publicKey, command }] }],
  })
  bench.defer(sshd.stop)
  const host = { name: 'localhost', address: '127.0.0.1', port: sshd.port, hostKeys: [sshd.hostKey] }
  const site = await startBenchSite(bench, {
    layout,
    accounts: [account],
    spawner: { kind: 'ssh', hosts: [host], keyFile },
  })
  return await openAll(site, [account])
}

export const startFar = async (bench: Bench): Promise<Far> => {
  const far = await bundleUpstream()
  bench.defer(far.remove)
  return far
}
