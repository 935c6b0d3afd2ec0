/** The accounts that are served: who they are, and whether their group is theirs alone. */
import { type Finding, quoted, type Rule } from '../rule.ts'

export const accountsExist: Rule = {
  name: 'accounts',
  says: 'Each account is a Unix user, not root.',
  look: async ({ resolved }) =>
    [...resolved.problems].map(([account, why]) => ({
      level: 'warning' as const,
      what: `The account ${account} is not served: ${why}`,
      mend: `Create the user, or take ${account} out of the configuration.`,
    })),
}

export const privateGroups: Rule = {
  name: 'private-groups',
  says: 'The group that reads an account’s feed has no members but the account and the service account.',
  look: async ({ resolved, lookup, config, selfName }) => {
    if (config.unsafeSingleUser) return []
    const shared: Omit<Finding, 'rule'>[] = []
    for (const [account, { gid }] of resolved.ids) {
      const user = config.accounts[account]?.user ?? account
      const group = await lookup('group', String(gid))
      const others = (group?.[3] ?? '').split(',').filter((name) => !['', user, selfName].includes(name))
      if (others.length > 0)
        shared.push({
          level: 'warning',
          what: `${others.slice(0, 5).join(', ')} may read the feed of ${account}, being in the group ${group?.[0]}.`,
          mend: `groupadd seneschal-${account} && usermod -aG seneschal-${account} ${quoted(user)} && usermod -aG seneschal-${account} ${quoted(selfName)}, then say group: seneschal-${account}`,
        })
    }
    return shared
  },
}

export const memberOfGroups: Rule = {
  name: 'service-account-in-groups',
  says: 'The service account is in each account’s group and in the hub’s, so that it can give them their feeds.',
  look: async ({ resolved, lookup, self, selfName, config }) => {
    if (config.unsafeSingleUser || self.uid === 0) return []
    const needed = new Set([...resolved.ids.values()].map(({ gid }) => String(gid)))
    if (config.hubGroup !== undefined) needed.add(config.hubGroup)
    const missing: Omit<Finding, 'rule'>[] = []
    for (const name of needed) {
      const group = await lookup('group', name)
      const isIn = group?.[3]?.split(',').includes(selfName) === true || group?.[2] === String(self.gid)
      if (group !== undefined && !isIn)
        missing.push({
          level: 'error',
          what: `The service account ${selfName} is not in the group ${group[0]}.`,
          mend: `usermod -aG ${quoted(group[0] ?? '')} ${quoted(selfName)} (then start the daemon anew)`,
        })
    }
    return missing
  },
}
