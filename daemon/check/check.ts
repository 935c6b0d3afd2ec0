/** All rules of the installation, looked at in one go. */
import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access, lstat, readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { isAbsent } from '../../durable/files.ts'
import { type AccountIds, getent, type Lookup, resolveAccounts } from '../accounts.ts'
import type { DaemonConfig } from '../config.ts'
import { siteLayout } from '../layout.ts'
import type { CheckContext, Finding, Mount, Rule } from './rule.ts'
import { accountsExist, memberOfGroups, privateGroups } from './rules/accounts.ts'
import { directories, feeds, reachable } from './rules/directories.ts'
import { manyGroups, mounts, oneFilesystem, ownFilesystem } from './rules/filesystems.ts'
import { programs } from './rules/programs.ts'
import { groupWithoutUsers, ownAccount, serviceAccount } from './rules/service-account.ts'
import { believed, definitionsOf, privateKeys } from './rules/trust.ts'

const run = promisify(execFile)

/** In the order in which somebody would mend what is wrong. */
export const rules: readonly Rule[] = [
  serviceAccount,
  ownAccount,
  groupWithoutUsers,
  memberOfGroups,
  programs,
  accountsExist,
  privateGroups,
  oneFilesystem,
  ownFilesystem,
  mounts,
  manyGroups,
  directories,
  feeds,
  reachable,
  believed,
  definitionsOf,
  privateKeys,
]

/** Octal escapes of /proc: blanks and backslashes in names. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))

/** The lines of proc(5) mountinfo. */
export const parseMounts = (text: string): readonly Mount[] =>
  text.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ')
    const [, , , , point, options] = (before ?? '').split(' ')
    const [type, , superOptions] = (after ?? '').split(' ')
    if (point === undefined || options === undefined || type === undefined) return []
    const all = [...options.split(','), ...(superOptions ?? '').split(',').filter((one) => one === 'ro')]
    return [{ point: unescaped(point), type, options: new Set(all) }]
  })

const createContext = async (parts: {
  readonly config: DaemonConfig
  readonly configFile: string | undefined
  readonly self: AccountIds
  readonly lookup: Lookup
}): Promise<CheckContext> => {
  const { config, self, lookup } = parts
  const passwd = await lookup('passwd', String(self.uid))
  const mountInfo = parseMounts(await readFile('/proc/self/mountinfo', 'utf8'))
  return {
    ...parts,
    layout: siteLayout(config.root),
    passwd,
    selfName: passwd?.[0] ?? String(self.uid),
    resolved: await resolveAccounts(config, self, lookup),
    look: (path) =>
      lstat(path).catch((thrown: unknown) => {
        if (isAbsent(thrown)) return undefined
        throw thrown
      }),
    mountOf: async (path) => {
      const real = await realpath(path).catch(() => undefined)
      if (real === undefined) return undefined
      const covers = ({ point }: Mount) => point === '/' || real === point || real.startsWith(`${point}/`)
      // The last of several on one point is the one that is seen.
      return mountInfo
        .filter(covers)
        .reduce<Mount | undefined>(
          (best, mount) => (best === undefined || mount.point.length >= best.point.length ? mount : best),
          undefined,
        )
    },
    groupsOf: async (user) => (await run('id', ['-G', '--', user])).stdout.trim().split(/\s+/),
    hasProgram: async (name) => {
      for (const directory of ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'])
        if (
          await access(join(directory, name), constants.X_OK).then(
            () => true,
            () => false,
          )
        )
          return true
      return false
    },
  }
}

/** Everything that is wrong, in the order of the rules. A rule that cannot be looked at is wrong by itself. */
export const checkInstallation = async (parts: {
  readonly config: DaemonConfig
  readonly configFile?: string | undefined
  readonly self: AccountIds
  readonly lookup?: Lookup
  readonly only?: readonly Rule[]
}): Promise<readonly Finding[]> => {
  const context = await createContext({
    config: parts.config,
    configFile: parts.configFile,
    self: parts.self,
    lookup: parts.lookup ?? getent,
  })
  const found: Finding[] = []
  for (const { name, look } of parts.only ?? rules) {
    try {
      for (const wrong of await look(context)) found.push({ rule: name, ...wrong })
    } catch (thrown) {
      found.push({
        rule: name,
        level: 'error',
        what: `It cannot be looked at: ${thrown instanceof Error ? thrown.message : String(thrown)}.`,
        mend: 'Run the check as root, or as the service account.',
      })
    }
  }
  return found
}
