/** From the click to a UI server that runs, over a fresh SSH connection, beside what SSH itself takes. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import ssh2 from 'ssh2'
import { install } from '../../demo/install.ts'
import { openFeedWriter } from '../../durable/feed-writer.ts'
import { canRunSshd, newKeyPair, type Sshd, startSshd } from '../../test/harness/sshd.ts'
import { permissionsOf, put, workflowRow } from '../../test/harness/ui-server.ts'
import { uniqueAccount } from '../../test/harness/unix-accounts.ts'
import { takeTurns } from '../report/rounds.ts'
import { against, type Bench, judged, type Row } from '../report/row.ts'
import { median } from '../report/statistics.ts'
import { makeLayout, startBenchSite } from '../site.ts'

const run = promisify(execFile)

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** OpenSSH's own client, one connection, one `true`. */
const bareSsh = async (sshd: Sshd, account: string, keyFile: string, known: string): Promise<number> =>
  timed(() =>
    run('ssh', [
      ...['-F', 'none', '-i', keyFile, '-p', String(sshd.port)],
      ...['-o', 'IdentitiesOnly=yes', '-o', `UserKnownHostsFile=${known}`, '-o', 'BatchMode=yes'],
      ...[`${account}@127.0.0.1`, 'true'],
    ]),
  )

/** The same by the library that the hub uses. */
const bareSsh2 = (sshd: Sshd, account: string, privateKey: Buffer): Promise<number> =>
  timed(async () => {
    const client = new ssh2.Client()
    client.connect({ host: '127.0.0.1', port: sshd.port, username: account, privateKey })
    await once(client, 'ready')
    client.setNoDelay(true)
    await new Promise<void>((resolve, reject) => {
      client.exec('true', (error, channel) => {
        if (error !== undefined) return reject(error)
        channel.resume().once('close', () => resolve())
      })
    })
    client.end()
  })

/** A feed for the account, so that its server need not wait for one. */
const writeAccountFeed = async (directory: string, account: string): Promise<void> => {
  mkdirSync(directory, { recursive: true })
  const feed = await openFeedWriter({ dir: directory, dirMode: 0o755, fileMode: 0o644 })
  await feed.writeSnapshot([put('workflow', 'clouds', workflowRow('clouds'))], 1, Date.now())
  await feed.close()
  const { accounts, ...snapshot } = permissionsOf(1, Date.now())
  const own = { ...snapshot, accounts: { [account]: Object.values(accounts)[0] } }
  writeFileSync(join(directory, 'permissions.json'), JSON.stringify(own), { mode: 0o644 })
}

const measure = async (bench: Bench) => {
  const layout = makeLayout(bench)
  const installed = install(join(layout.dir, 'installed'))
  const account = uniqueAccount()
  const hubKey = newKeyPair()
  const plainKey = newKeyPair()
  const keyFile = join(layout.hub, 'ssh-key')
  const plainKeyFile = join(layout.hub, 'plain-key')
  const known = join(layout.hub, 'known_hosts')
  writeFileSync(keyFile, hubKey.privateKey, { mode: 0o600 })
  writeFileSync(plainKeyFile, plainKey.privateKey, { mode: 0o600 })
  const sshd = await startSshd({
    dir: layout.homes,
    accounts: [
      {
        name: account,
        keys: [
          { publicKey: hubKey.publicKey, command: `${installed.agent} agent --role hub` },
          { publicKey: plainKey.publicKey, command: 'true' },
        ],
      },
    ],
  })
  bench.defer(sshd.stop)
  writeFileSync(known, `[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`)
  await writeAccountFeed(join(layout.site, 'feed', account), account)
  const host = { name: 'localhost', address: '127.0.0.1', port: sshd.port, hostKeys: [sshd.hostKey] }
  const site = await startBenchSite(bench, {
    layout,
    accounts: [account],
    spawner: { kind: 'ssh', hosts: [host], keyFile },
  })
  const admin = await site.signIn('admin')
  return takeTurns(bench, 'spawn', [
    {
      who: 'hub',
      measure: async () => {
        await site.close(admin, account)
        await sshd.dropConnections()
        return site.open(admin, account)
      },
    },
    { who: 'ssh … true', measure: () => bareSsh(sshd, account, plainKeyFile, known) },
    { who: 'ssh2 exec true', measure: () => bareSsh2(sshd, account, plainKey.privateKey) },
  ])
}

export const spawn: Row = {
  name: 'spawn',
  title: 'cold spawn over SSH: click → UI server on, nothing connected before',
  run: async (bench) => {
    if (!(await canRunSshd())) return { figures: [], notes: ['no sshd, or not root: left out'] }
    const turns = await measure(bench)
    const of = (who: string) => turns.get(who) ?? []
    const what = 'cold spawn'
    const bare = median(of('ssh … true'))
    const beyond = of('hub').map((ms, round) => ms - (of('ssh … true')[round] ?? Number.NaN))
    return {
      figures: [
        ...against({ what, who: 'hub', unit: 'ms', rounds: of('hub') }, [
          { who: 'ssh … true', rounds: of('ssh … true') },
          { who: 'ssh2 exec true', rounds: of('ssh2 exec true') },
        ]),
        judged(
          { what: 'beyond a raw SSH connection', who: 'hub', unit: 'ms', rounds: beyond },
          '≤ 700 ms',
          (value) => value <= 700,
        ),
      ],
      notes: [
        `raw connection: ${Math.round(bare)} ms, OpenSSH’s client with a key whose forced command is \`true\``,
      ],
    }
  },
}
