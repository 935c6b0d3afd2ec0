/** The hub as a user of its own, and servers as their accounts on the same machine: one rule of sudo, and no more. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { checkSpawner, type Finding } from '../../spawners/contract-kit.ts'
import { createSpawner } from '../../spawners/registry.ts'
import { type FarSide, installFarSide } from '../harness/far-side.ts'
import { createAccount, removeAccount, uniqueAccount } from '../harness/unix-accounts.ts'
import { until } from '../harness/until.ts'

const skip = process.getuid?.() !== 0 ? 'needs root' : existsSync('/usr/bin/sudo') ? false : 'needs sudo'
const [hub, account] = [uniqueAccount(), uniqueAccount()]
const ids = new Map<string, { readonly uid: number; readonly gid: number }>()

describe('through sudo', { skip }, () => {
  let far: FarSide
  let program: string
  let path: string
  const rule = `/etc/sudoers.d/${hub}`
  const home = (name: string) => join(far.dir, 'home', name)

  before(async () => {
    far = await installFarSide()
    await mkdir(join(far.dir, 'home'), { mode: 0o755 })
    for (const name of [hub, account]) ids.set(name, await createAccount(home(name), { name }))
    program = join(far.dir, 'bin/seneschal')
    await writeFile(program, `#!/bin/sh\nexec ${far.node} ${far.entry} "$@"\n`)
    await chmod(program, 0o755)
    const lines = [
      `Defaults!${program} env_keep += "SSH_ORIGINAL_COMMAND", !use_pty`,
      `${hub} ALL=(${account}) NOPASSWD: ${program} agent --role hub`,
    ]
    await writeFile(rule, `${lines.join('\n')}\n`, { mode: 0o440 })
    // The spawner runs as root here, like its test; in front of sudo it becomes the hub's user.
    path = join(far.dir, 'path')
    await mkdir(path)
    const { uid, gid } = ids.get(hub) ?? { uid: -1, gid: -1 }
    const become = `exec /usr/bin/setpriv --reuid=${uid} --regid=${gid} --clear-groups /usr/bin/sudo "$@"`
    await writeFile(join(path, 'sudo'), `#!/bin/sh\n${become}\n`, { mode: 0o755 })
  })
  after(async () => {
    for (const [name, { uid }] of ids) await removeAccount(name, uid)
    await rm(rule, { force: true })
    await far?.remove()
  })

  const open = () =>
    createSpawner(
      { kind: 'local', sudo: true, command: [program, 'agent', '--role', 'hub'] },
      {
        ...{ now: Date.now, random: Math.random, entry: far.entry, warn: () => undefined },
        env: { PATH: `${path}:/usr/bin:/bin`, HOME: home(hub) },
      },
    )
  const site = { inbox: '/site/inbox', temp: '/site/temp', feed: '/site/feed' }

  test('the local spawner keeps the contract, and its servers are the account’s', async () => {
    const findings: Finding[] = []
    await checkSpawner({ open: async () => open(), account, site }, (finding) => findings.push(finding))
    assert.deepEqual(
      findings.filter(({ ok }) => !ok),
      [],
    )
    assert.equal(findings.length, 9)
    const spawner = open()
    const handle = await spawner.start(
      account,
      {
        ...{ version: 1, account, instance: 'a'.repeat(32), site, hubKeys: { keys: [] } },
        ...{ issuer: 'https://hub.example', idleMinutes: 5 },
      },
      () => undefined,
      AbortSignal.timeout(30_000),
    )
    const { uid } = ids.get(account) ?? { uid: -1 }
    const found = await pidsOf(uid, '-f', 'uiserver')
    assert.ok(found.length > 0)
    for (const pid of found) {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1')
      assert.match(environment, new RegExp(`HOME=${home(account)}\0`))
      assert.doesNotMatch(environment, /SUDO_|SSH_ORIGINAL_COMMAND/)
    }
    await spawner.stop(handle)
    await until(async () => (await pidsOf(uid)).length === 0)
    await spawner.close()
  })

  test('an account that the rule does not name is refused in sudo’s own words', async () => {
    const spawner = open()
    await assert.rejects(
      spawner.poll({ version: 1, account: hub, host: 'localhost', instance: 'a'.repeat(32) }),
      {
        code: 'agent.missing',
        message: /not allowed to execute/,
      },
    )
    await spawner.close()
  })

  for (const words of [
    ['-u', account, '--', 'id'],
    ['-u', account, '--', '/bin/sh', '-c', 'id'],
    ['-u', account, '-i'],
    ['-u', 'root', '--', 'PROGRAM', 'agent', '--role', 'hub'],
    ['-u', account, '--', 'PROGRAM', 'agent', '--role', 'daemon'],
    ['-u', account, '--', 'PROGRAM', 'agent', '--role', 'hub', '--slurm', '/tmp'],
    ['-u', account, 'LD_PRELOAD=/tmp/x', '--', 'PROGRAM', 'agent', '--role', 'hub'],
    ['-u', account, '-E', '--', 'PROGRAM', 'agent', '--role', 'hub'],
  ])
    test(`the hub’s user may not: sudo ${words.join(' ').replace(account, 'ACCOUNT')}`, async () => {
      const args = ['-n', ...words.map((word) => (word === 'PROGRAM' ? program : word))]
      const { code, out } = await ran(join(path, 'sudo'), args)
      assert.notEqual(code, 0)
      assert.doesNotMatch(out, /uid=/)
    })
})

const pidsOf = async (uid: number, ...which: readonly string[]): Promise<readonly string[]> =>
  (await ran('pgrep', ['-u', String(uid), ...which])).out.split('\n').filter(Boolean)

const ran = (
  file: string,
  args: readonly string[],
): Promise<{ readonly code: unknown; readonly out: string }> =>
  new Promise((resolve) => {
    execFile(file, args, { env: { PATH: '/usr/bin:/bin' } }, (error, out) =>
      resolve({ code: error === null ? 0 : error.code, out }),
    ).stdin?.end()
  })
