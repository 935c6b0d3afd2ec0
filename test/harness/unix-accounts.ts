/** Real Unix accounts that live as long as a test. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type UnixAccount = {
  /** From `uniqueAccount`; made with useradd and removed again. */
  readonly name: string
  readonly shell?: string
  /** Files of its home directory, written as the account's own. */
  readonly files?: Readonly<Record<string, string>>
}

export const uniqueAccount = (): string => `snt${randomBytes(5).toString('hex')}`

/** Tests in other processes may hold the lock of /etc/passwd for a moment. */
export const retried = async (program: string, args: readonly string[]): Promise<void> => {
  for (let tries = 0; ; tries += 1) {
    try {
      await run(program, args)
      return
    } catch (error) {
      if (tries === 20) throw error
      await sleep(150)
    }
  }
}

export type Ids = { readonly uid: number; readonly gid: number }

export const createAccount = async (home: string, account: UnixAccount): Promise<Ids> => {
  await retried('useradd', [
    '-m',
    '-d',
    home,
    '-k',
    '/nonexistent',
    '-s',
    account.shell ?? '/bin/bash',
    account.name,
  ])
  // `!` in the shadow file counts as locked where sshd does not ask PAM.
  await retried('usermod', ['-p', '*', account.name])
  // A group of its own, which need not have the same number.
  const idOf = async (which: '-u' | '-g') => Number((await run('id', [which, account.name])).stdout)
  const ids = { uid: await idOf('-u'), gid: await idOf('-g') }
  for (const [name, content] of Object.entries(account.files ?? {})) {
    await writeFile(join(home, name), content)
    await run('chown', [account.name, join(home, name)])
  }
  return ids
}

const processesOf = async (uid: number): Promise<readonly number[]> => {
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const status = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '')
    if (new RegExp(`^Uid:\\s+${uid}\\s`, 'm').test(status) && !/^State:\s+[ZX]/m.test(status))
      found.push(Number(name))
  }
  return found
}

export const killIfThere = (pid: number, signal: NodeJS.Signals) => {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

export const removeAccount = async (name: string, uid: number): Promise<void> => {
  for (let pids = await processesOf(uid); pids.length > 0; pids = await processesOf(uid)) {
    for (const pid of pids) killIfThere(pid, 'SIGKILL')
    await sleep(20)
  }
  await retried('userdel', [name])
}
