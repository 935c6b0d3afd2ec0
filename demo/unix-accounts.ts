/** Unix accounts of the demonstration with real accounts: made, remembered, and removed again. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { SeneschalError } from '../protocol/errors.ts'

export type Say = (line: string) => void

const run = (program: string, ...args: readonly string[]): string =>
  execFileSync(program, [...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()

const exists = (database: 'passwd' | 'group', name: string): boolean => {
  try {
    run('getent', database, name)
    return true
  } catch {
    // getent's way of saying no.
    return false
  }
}

export type UnixAccount = {
  readonly name: string
  readonly home: string
  /** A service account has no shell and no password, and is for one of the site's own parts. */
  readonly service: boolean
  /** Joins these groups besides its own. */
  readonly groups: readonly string[]
}

/** What this demonstration created, so that it never takes or removes an account that was there before. */
const readCreated = (file: string): readonly string[] =>
  existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as string[]) : []

export const ensureAccounts = (accounts: readonly UnixAccount[], created: string, say: Say): void => {
  const ours = new Set(readCreated(created))
  for (const { name } of accounts)
    if (!ours.has(name) && exists('passwd', name))
      throw new SeneschalError(
        'usage',
        `There is a Unix account ${name} already, which the demonstration did not make. It is left alone, and nothing was started.`,
      )
  for (const { name, home, service, groups } of accounts) {
    if (!exists('passwd', name)) {
      say(`creating the Unix account ${name}${service ? ' (service)' : ''}`)
      ours.add(name)
      writeFileSync(created, JSON.stringify([...ours]))
      run(
        'useradd',
        '--user-group',
        '--no-log-init',
        '--create-home',
        '--skel',
        '/nonexistent',
        '--home-dir',
        home,
        '--shell',
        service ? '/usr/sbin/nologin' : '/bin/bash',
        ...(service ? ['--system'] : []),
        name,
      )
      // `!` in the shadow file counts as locked where sshd does not ask PAM; `*` has no password either.
      if (!service) run('usermod', '--password', '*', name)
    }
    if (groups.length > 0) run('usermod', '--append', '--groups', groups.join(','), name)
  }
}

export const removeAccounts = (created: string, say: Say): void => {
  for (const name of readCreated(created)) {
    if (!exists('passwd', name)) continue
    say(`removing the Unix account ${name}`)
    run('userdel', '--force', name)
    if (exists('group', name)) run('groupdel', name)
  }
}

export const idsOf = (name: string): { readonly uid: number; readonly gid: number } => ({
  uid: Number(run('id', '-u', name)),
  gid: Number(run('id', '-g', name)),
})
