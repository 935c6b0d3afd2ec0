/** The site's directories: there, whose they should be, with their modes, and reachable. */
import { dirname } from 'node:path'
import { resolveHubGroup } from '../../accounts.ts'
import { type Directory, sharedDirectories } from '../../directories.ts'
import { accountFeedMode, siteFeedMode } from '../../layout.ts'
import { type CheckContext, type Finding, octal, quoted, type Rule } from '../rule.ts'

const lookAt = async (
  { look, self, selfName }: CheckContext,
  { path, mode, gid }: Directory,
): Promise<readonly Omit<Finding, 'rule'>[]> => {
  const group = gid ?? self.gid
  const owner = `${selfName}:${group}`
  const found = await look(path)
  const make = `install -d -o ${quoted(selfName)} -g ${group} -m ${octal(mode)} ${quoted(path)}`
  if (found === undefined) return [{ level: 'error', what: `${path} is not there.`, mend: make }]
  if (!found.isDirectory())
    return [{ level: 'error', what: `${path} is not a directory.`, mend: `Move it away, then: ${make}` }]
  const wrong: Omit<Finding, 'rule'>[] = []
  if (found.uid !== self.uid || found.gid !== group)
    wrong.push({
      level: 'error',
      what: `${path} belongs to ${found.uid}:${found.gid} instead of ${self.uid}:${group}.`,
      // chown clears set-id bits, so the mode comes last.
      mend: `chown ${quoted(owner)} ${quoted(path)} && chmod ${octal(mode)} ${quoted(path)}`,
    })
  else if ((found.mode & 0o7777) !== mode)
    wrong.push({
      level: 'error',
      what: `${path} has mode ${octal(found.mode)} instead of ${octal(mode)}.`,
      mend: `chmod ${octal(mode)} ${quoted(path)}`,
    })
  return wrong
}

export const directories: Rule = {
  name: 'directories',
  says: 'Inbox and temporary directory are drwxrwsrwt, published ones drwxrwxr-x, state and audit drwx------, all owned by the service account.',
  look: async (context) => {
    const found = await Promise.all(
      sharedDirectories(context.config.root).map((directory) => lookAt(context, directory)),
    )
    return found.flat()
  },
}

export const feeds: Rule = {
  name: 'feeds',
  says: 'The site feed belongs to the hub’s group, an account’s feed to the account’s private group, and others read neither.',
  look: async (context) => {
    const { config, layout, self, lookup, resolved } = context
    const wanted: Directory[] = [
      { path: layout.siteFeed, mode: siteFeedMode, gid: await resolveHubGroup(config, self, lookup) },
      ...[...resolved.ids].map(([account, { gid }]) => ({
        path: layout.accountFeed(account),
        mode: accountFeedMode,
        gid,
      })),
    ]
    return (await Promise.all(wanted.map((directory) => lookAt(context, directory)))).flat()
  },
}

export const reachable: Rule = {
  name: 'parents-can-be-passed',
  says: 'Every directory above the inbox can be passed and read by everybody (o+rx), or users reach no inbox.',
  look: async ({ layout, look, config }) => {
    if (config.unsafeSingleUser) return []
    const closed: string[] = []
    for (let path = layout.requests; ; path = dirname(path)) {
      const found = await look(path)
      if (found?.isDirectory() === true && (found.mode & 0o005) !== 0o005) closed.push(path)
      if (path === dirname(path)) break
    }
    return closed.map((path) => ({
      level: 'error' as const,
      what: `Users cannot pass ${path}.`,
      mend: `chmod o+rx ${quoted(path)}`,
    }))
  },
}
