/** The service account: somebody of its own, who cannot sign in. */
import { quoted, type Rule } from '../rule.ts'

const noLogin = /\/(?:nologin|false)$/

export const serviceAccount: Rule = {
  name: 'service-account',
  says: 'The daemon has a Unix account of its own, not root, that nobody can sign in as.',
  look: async ({ self, selfName, passwd, config }) => {
    if (self.uid === 0)
      return config.unsafeSingleUser
        ? []
        : [
            {
              level: 'error',
              what: 'The daemon would run as root.',
              mend: 'useradd --system --home-dir /var/lib/seneschal --shell /usr/sbin/nologin seneschal',
            },
          ]
    const shell = passwd?.[6] ?? ''
    if (config.unsafeSingleUser || passwd === undefined || noLogin.test(shell)) return []
    return [
      {
        level: 'warning',
        what: `The service account ${selfName} has the shell ${shell || '/bin/sh'}: somebody could sign in as it.`,
        mend: `usermod --shell /usr/sbin/nologin ${quoted(selfName)}`,
      },
    ]
  },
}

export const ownAccount: Rule = {
  name: 'service-account-serves-none',
  says: 'The service account is none of the accounts that it serves.',
  look: async ({ self, resolved, config }) =>
    config.unsafeSingleUser
      ? []
      : [...resolved.ids].flatMap(([account, { uid }]) =>
          uid === self.uid
            ? [
                {
                  level: 'error' as const,
                  what: `The account ${account} is the service account: its jobs could read state and keys.`,
                  mend: 'Give seneschald a Unix account of its own.',
                },
              ]
            : [],
        ),
}

export const groupWithoutUsers: Rule = {
  name: 'group-without-users',
  says: "Nobody else is in the service account's group, which owns the inbox and may write to what is published.",
  look: async ({ self, selfName, lookup, config }) => {
    if (config.unsafeSingleUser) return []
    const group = await lookup('group', String(self.gid))
    const others = (group?.[3] ?? '').split(',').filter((name) => name !== '' && name !== selfName)
    return others.length === 0
      ? []
      : [
          {
            level: 'error',
            what: `${others.join(', ')} ${others.length === 1 ? 'is' : 'are'} in the group ${group?.[0]} of the service account.`,
            mend: others
              .map((name) => `gpasswd --delete ${quoted(name)} ${quoted(group?.[0] ?? '')}`)
              .join(' && '),
          },
        ]
  },
}
