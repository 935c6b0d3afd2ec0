/** Who could change what the daemon believes: the files themselves, and every directory above them. */
import { readdir, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf, isAbsent } from '../../../durable/files.ts'
import { type CheckContext, type Finding, octal, quoted, type Rule } from '../rule.ts'

type Wrong = Omit<Finding, 'rule'>

const realOf = (path: string): Promise<string | undefined> =>
  realpath(path).catch((thrown: unknown) => {
    if (isAbsent(thrown)) return undefined
    throw thrown
  })

const strangers = async (
  { look, self, config }: CheckContext,
  path: string,
  what: string,
): Promise<readonly Wrong[]> => {
  const real = await realOf(path)
  if (real === undefined)
    return [
      { level: 'warning', what: `${what}: ${path} is not there.`, mend: `Put it there: ${quoted(path)}.` },
    ]
  // In the demonstration everything is one user's, wherever that user put it.
  if (config.unsafeSingleUser) return []
  const wrong: Wrong[] = []
  for (let here = real; ; here = dirname(here)) {
    const found = await look(here)
    if (found !== undefined) {
      const isSticky = here !== real && (found.mode & 0o1000) !== 0
      if (found.uid !== 0 && found.uid !== self.uid)
        wrong.push({
          level: 'error',
          what: `${what} can be replaced by uid ${found.uid}, who owns ${here}.`,
          mend: `chown root ${quoted(here)}`,
        })
      if ((found.mode & 0o022) !== 0 && !isSticky)
        wrong.push({
          level: 'error',
          what: `${what} can be replaced by others: ${here} has mode ${octal(found.mode)}.`,
          mend: `chmod go-w ${quoted(here)}`,
        })
    }
    if (here === dirname(here)) return wrong
  }
}

const eachOnce = (found: readonly Wrong[]): readonly Wrong[] => [
  ...new Map(found.map((one) => [one.what, one])).values(),
]

export const believed: Rule = {
  name: 'what-is-believed',
  says: 'Configuration, site file, definitions and pinned hub keys, and all directories above them, are writable by root or the service account alone.',
  look: async (context) => {
    const { config, configFile, layout } = context
    const files = [
      ['The root directory', dirname(layout.requests)],
      ...(configFile === undefined ? [] : [['The configuration', configFile] as const]),
      ['The site file', config.siteFile],
      ['The definitions', config.definitions],
      ['The hub keys', config.hubKeys],
    ] as const
    const found: Wrong[] = []
    for (const [what, path] of files) found.push(...(await strangers(context, path, what)))
    return eachOnce(found)
  },
}

/** A definition runs as its account: who may write one may run what they like as it. */
const writable = async (
  { look, self }: CheckContext,
  path: string,
  owner: number | undefined,
): Promise<readonly Wrong[]> => {
  const found = await look(path)
  if (found === undefined || found.isSymbolicLink()) return []
  const wrong: Wrong[] = []
  if (found.uid !== 0 && found.uid !== self.uid && found.uid !== owner)
    wrong.push({
      level: 'error',
      what: `${path} belongs to uid ${found.uid}, who could have jobs of that account run.`,
      mend: `chown root ${quoted(path)}`,
    })
  if ((found.mode & 0o022) !== 0)
    wrong.push({
      level: 'error',
      what: `${path} has mode ${octal(found.mode)}: others could have jobs of that account run.`,
      mend: `chmod go-w ${quoted(path)}`,
    })
  return wrong
}

const namesIn = (directory: string): Promise<readonly string[]> =>
  readdir(directory).catch((thrown: unknown) => {
    // What is not there, or no directory, defines nothing.
    if (isAbsent(thrown) || errnoOf(thrown) === 'ENOTDIR') return []
    throw thrown
  })

export const definitionsOf: Rule = {
  name: 'definitions',
  says: 'What lies below the definitions of an account may be written by root, the service account and that account alone.',
  look: async (context) => {
    const { config, resolved } = context
    if (config.unsafeSingleUser) return []
    const wrong: Wrong[] = []
    for (const account of Object.keys(config.accounts)) {
      const owner = resolved.ids.get(account)?.uid
      const directory = join(config.definitions, account)
      wrong.push(...(await writable(context, directory, owner)))
      for (const name of await namesIn(directory)) {
        const below = join(directory, name)
        wrong.push(...(await writable(context, below, owner)))
        for (const file of await namesIn(below))
          wrong.push(...(await writable(context, join(below, file), owner)))
      }
    }
    return wrong
  },
}

export const privateKeys: Rule = {
  name: 'private-keys',
  says: 'The keys for the accounts’ hosts are readable by the service account alone.',
  look: async (context) => {
    const { config, look, selfName } = context
    const files = new Set(
      Object.values(config.accounts).flatMap(({ transport }) =>
        transport.kind === 'ssh' ? [transport.keyFile] : [],
      ),
    )
    const wrong: Wrong[] = []
    for (const file of files) {
      wrong.push(...(await strangers(context, file, 'The SSH key')))
      // A link has no mode of its own: what is read is what it leads to.
      const real = await realOf(file)
      const found = real === undefined ? undefined : await look(real)
      if (real !== undefined && found !== undefined && (found.mode & 0o077) !== 0)
        wrong.push({
          level: 'error',
          what: `${real} has mode ${octal(found.mode)}: others may read the private key.`,
          mend: `chown ${quoted(selfName)} ${quoted(real)} && chmod 0600 ${quoted(real)}`,
        })
    }
    return eachOnce(wrong)
  },
}
