/** Who could change what the daemon believes: the files themselves, and every directory above them. */
import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isAbsent } from '../../../durable/files.ts'
import { type CheckContext, type Finding, octal, quoted, type Rule } from '../rule.ts'

type Wrong = Omit<Finding, 'rule'>

const strangers = async (
  { look, self, config }: CheckContext,
  path: string,
  what: string,
): Promise<readonly Wrong[]> => {
  const real = await realpath(path).catch((thrown: unknown) => {
    if (isAbsent(thrown)) return undefined
    throw thrown
  })
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
      const found = await look(file)
      if (found !== undefined && !found.isSymbolicLink() && (found.mode & 0o077) !== 0)
        wrong.push({
          level: 'error',
          what: `${file} has mode ${octal(found.mode)}: others may read the private key.`,
          mend: `chown ${quoted(selfName)} ${quoted(file)} && chmod 0600 ${quoted(file)}`,
        })
    }
    return eachOnce(wrong)
  },
}
