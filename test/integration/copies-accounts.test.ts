/** Copies between a service account and an account that trust each other with nothing, through a real sshd. */
import assert from 'node:assert/strict'
import { chownSync } from 'node:fs'
import { chmod, link, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { attemptCopy, becomeCopier, createSiteCopiers } from '../../daemon/copies/attempt.ts'
import { type CopiesConfig, noCopies } from '../../daemon/copies/config.ts'
import { ordersOf } from '../../daemon/copies/orders.ts'
import type { CopyStep } from '../../protocol/steps.ts'
import { openJobs } from '../../wire/agent-calls.ts'
import { createSshGate } from '../../wire/ssh-gate.ts'
import { createSshTransport } from '../../wire/ssh-transport.ts'
import type { Transport } from '../../wire/transport.ts'
import { type FarSide, installFarSide } from '../harness/far-side.ts'
import { canRunSshd, newKeyPair, type Sshd, startSshd } from '../harness/sshd.ts'
import { uniqueAccount } from '../harness/unix-accounts.ts'

const skip = (await canRunSshd()) ? false : 'needs root and sshd'
const key = newKeyPair()
const [service, account] = [uniqueAccount(), uniqueAccount()]
type Place = CopyStep['from']
const archive = (path: string): Place => ({ side: 'site', root: 'archive', path })
const home = (path: string): Place => ({ side: 'user', root: 'home', path })

describe('copies between accounts', { skip }, () => {
  let far: FarSide
  let sshd: Sshd
  let transport: Transport
  let config: CopiesConfig
  let archiveDir: string
  before(async () => {
    far = await installFarSide('product')
    sshd = await startSshd({
      dir: far.dir,
      accounts: [
        { name: service, keys: [] },
        { name: account, keys: [{ publicKey: key.publicKey, command: far.command('daemon') }] },
      ],
    })
    archiveDir = join(far.dir, 'archive')
    await mkdir(archiveDir)
    chownSync(archiveDir, sshd.uid(service), sshd.gid(service))
    config = { ...noCopies, site: { archive: { path: archiveDir, write: true } } }
    await writeFile(join(far.dir, 'daemon-key'), key.privateKey, { mode: 0o600 })
    transport = createSshTransport({
      host: '127.0.0.1',
      port: sshd.port,
      username: account,
      privateKey: { file: join(far.dir, 'daemon-key') },
      hostKeys: [sshd.hostKey],
      gate: createSshGate({ now: Date.now, random: Math.random }),
    })
  })
  after(async () => {
    transport?.close()
    await sshd?.stop()
    await far?.remove()
  })

  const copy = (from: Place, to: Place) => {
    const [uid, gid] = [String(sshd.uid(service)), String(sshd.gid(service))]
    const as = ['--reuid', uid, '--regid', gid, '--clear-groups', '--no-new-privs'] as const
    return attemptCopy(ordersOf(config, account, { kind: 'copy', from, to, overwrite: false }), {
      site: createSiteCopiers(['setpriv', ...as, far.node, far.entry, 'copier'], { PATH: '/usr/bin:/bin' }),
      user: async (order) => {
        const settings = { version: 1, account, jobEvents: '/nowhere/events' } as const
        const { stream } = await openJobs(transport, settings, { timeout: 60_000 })
        return becomeCopier(stream, 1, order)
      },
      onCounts: () => undefined,
      signal: AbortSignal.timeout(60_000),
    })
  }
  const failure = (code: string, detail: RegExp) => (error: unknown) => {
    assert.ok(error instanceof Error && 'code' in error && 'detail' in error)
    assert.equal(error.code, code)
    assert.match(String(error.detail), detail)
    return true
  }
  const give = async (owner: string, path: string, content: string, mode = 0o600): Promise<void> => {
    await writeFile(path, content)
    await chmod(path, mode)
    chownSync(path, sshd.uid(owner), sshd.gid(owner))
  }

  test('each side is written by its own account, through files that the other may not read', async () => {
    await give(service, join(archiveDir, 'field'), 'of the site')
    await copy(archive('field'), home('in/field'))
    const copied = join(sshd.home(account), 'in', 'field')
    assert.equal(await readFile(copied, 'utf8'), 'of the site')
    assert.equal((await stat(copied)).uid, sshd.uid(account))
    await copy(home('in/field'), archive('back/field'))
    assert.equal(await readFile(join(archiveDir, 'back', 'field'), 'utf8'), 'of the site')
    assert.equal((await stat(join(archiveDir, 'back', 'field'))).uid, sshd.uid(service))
    await copy(home('in'), home('again'))
    assert.equal((await stat(join(sshd.home(account), 'again', 'field'))).uid, sshd.uid(account))
  })

  test('a second name of a foreign secret gives an account nothing that it may not read itself', async () => {
    const secret = join(archiveDir, 'secret')
    await give(service, secret, 'secret')
    await link(secret, join(sshd.home(account), 'mine'))
    await assert.rejects(copy(home('mine'), home('got')), failure('copy.failed', /EACCES/))
    await assert.rejects(copy(home('mine'), archive('got')), failure('copy.failed', /EACCES/))
    await assert.rejects(copy(archive('secret'), home('got')), failure('copy.refused', /second name/))
    assert.ok(!(await readdir(sshd.home(account))).includes('got'))
    assert.ok(!(await readdir(archiveDir)).includes('got'))
  })
})
