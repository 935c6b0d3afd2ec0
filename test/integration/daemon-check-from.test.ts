/** `daemon check --from`: an account tells through a real sshd how it sees the site from its host. */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, renameSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { resolveAccounts } from '../../daemon/accounts.ts'
import { checkFromHost } from '../../daemon/check/from-host.ts'
import { type DaemonConfig, daemonConfig } from '../../daemon/config.ts'
import { siteLayout } from '../../daemon/layout.ts'
import { prepareSite } from '../../daemon/setup.ts'
import { createSshGate } from '../../wire/ssh-gate.ts'
import { createSshTransport } from '../../wire/ssh-transport.ts'
import { type FarSide, installFarSide } from '../harness/far-side.ts'
import { canRunSshd, newKeyPair, type Sshd, startSshd } from '../harness/sshd.ts'
import { uniqueAccount } from '../harness/unix-accounts.ts'

const skip = (await canRunSshd()) ? false : 'needs root and sshd'
const key = newKeyPair()
const [service, account] = [uniqueAccount(), uniqueAccount()]

describe('a site seen from the host of an account', { skip }, () => {
  let far: FarSide
  let sshd: Sshd
  let config: DaemonConfig
  let self: { readonly uid: number; readonly gid: number }
  before(async () => {
    far = await installFarSide()
    sshd = await startSshd({
      dir: far.dir,
      accounts: [
        { name: service, keys: [] },
        { name: account, keys: [{ publicKey: key.publicKey, command: far.command('daemon') }] },
      ],
    })
    self = { uid: sshd.uid(service), gid: sshd.gid(service) }
    const keyFile = join(far.dir, 'daemon-key')
    await writeFile(keyFile, key.privateKey, { mode: 0o600 })
    chownSync(keyFile, self.uid, self.gid)
    const at = (name: string) => join(far.dir, name)
    config = daemonConfig.parse({
      ...{ site: 'test', root: at('served'), definitions: at('definitions'), siteFile: at('site.yaml') },
      ...{ hubKeys: at('jwks.json'), issuer: 'https://hub.test', unsafeSharedFilesystem: true },
      accounts: {
        [account]: {
          host: 'login1',
          transport: { kind: 'ssh', host: '127.0.0.1', port: sshd.port, keyFile, hostKeys: [sshd.hostKey] },
        },
      },
    })
    await prepareSite(config, self)
  })
  let isStopped = false
  const stop = async () => {
    if (!isStopped) await sshd?.stop()
    isStopped = true
  }
  after(async () => {
    await stop()
    await far?.remove()
  })

  const look = async (
    over: { readonly uid?: number; readonly ahead?: number; readonly role?: string } = {},
  ) => {
    const entry = config.accounts[account]
    assert.ok(entry?.transport.kind === 'ssh')
    const { port, keyFile, hostKeys } = entry.transport
    const found = await checkFromHost({
      ...{ config, account, host: 'login1', daemonUid: over.uid ?? self.uid },
      resolved: await resolveAccounts(config, self),
      transport: createSshTransport({
        ...{ host: '127.0.0.1', port, username: account, privateKey: { file: keyFile }, hostKeys },
        gate: createSshGate({ now: Date.now, random: Math.random }),
      }),
      now: () => Date.now() + (over.ahead ?? 0),
    })
    return found.map(({ level, what }) => `${level}: ${what}`)
  }

  test('where all is as it should be there is nothing to say', async () => {
    assert.deepEqual(await look(), [])
  })

  test('other numeric ids, and a clock that differs, are told with what would help', async () => {
    const ids = await look({ uid: self.uid + 1 })
    assert.equal(ids.length, 4)
    for (const line of ids) assert.match(line, /^error: On login1, .* belongs to uid \d+ instead of \d+\.$/)
    assert.match(
      (await look({ ahead: 20_000 }))[0] ?? '',
      /^warning: The clock of login1 differs by \d+\.\d s at least/,
    )
    assert.match((await look({ ahead: 60_000 }))[0] ?? '', /^error: The clock of login1 differs by/)
  })

  test('a feed that is closed to the account, and a place that is not there', async () => {
    const at = siteLayout(config.root)
    chownSync(at.accountFeed(account), self.uid, self.gid)
    renameSync(at.inbox, `${at.inbox}.away`)
    const found = await look()
    renameSync(`${at.inbox}.away`, at.inbox)
    chownSync(at.accountFeed(account), self.uid, sshd.gid(account))
    chmodSync(at.accountFeed(account), 0o750)
    assert.ok(
      found.some((line) => /the account may not read .*feed/.test(line)),
      found.join('\n'),
    )
    assert.ok(
      found.some((line) => /login1 does not see .*1_inbox/.test(line)),
      found.join('\n'),
    )
    assert.deepEqual(await look(), [])
  })

  test('a host that does not answer is a finding, not a failure', async () => {
    await stop()
    const [line = '', ...more] = await look()
    assert.match(line, /^error: It cannot be asked: .*\[host\.unreachable\]$/)
    assert.deepEqual(more, [])
  })
})
