/** Which filesystems the site lies on, and how they are mounted. */
import { type Finding, quoted, type Rule } from '../rule.ts'

export const oneFilesystem: Rule = {
  name: 'requests-on-one-filesystem',
  says: 'Temporary directory, inbox and 2_processing lie on one filesystem, so that a rename moves a request whole.',
  look: async ({ layout, look }) => {
    const [inbox, ...others] = await Promise.all(
      [layout.inbox, layout.temp, layout.processing].map(async (path) => ({ path, found: await look(path) })),
    )
    return others.flatMap(({ path, found }) =>
      found === undefined || inbox?.found === undefined || found.dev === inbox.found.dev
        ? []
        : [
            {
              level: 'error' as const,
              what: `${path} lies on another filesystem than ${inbox.path}.`,
              mend: `Mount one filesystem at ${quoted(layout.requests)}, nothing below it.`,
            },
          ],
    )
  },
}

export const ownFilesystem: Rule = {
  name: 'requests-on-their-own-filesystem',
  says: 'The requests lie on a filesystem of their own: users can fill it, and could move or link files of others into the inbox from the same one.',
  look: async ({ layout, config, look }) => {
    const requests = await look(layout.requests)
    if (requests === undefined) return []
    const level = config.unsafeSingleUser || config.unsafeSharedFilesystem ? 'warning' : 'error'
    const shared: Omit<Finding, 'rule'>[] = []
    for (const path of [layout.state, layout.audit, layout.feed]) {
      const found = await look(path)
      if (found?.dev === requests.dev)
        shared.push({
          level,
          what: `${path} lies on the same filesystem as ${layout.requests}: who fills that one stops the daemon.`,
          mend: `Mount a filesystem of its own at ${quoted(layout.requests)}${level === 'error' ? ' (or say unsafeSharedFilesystem: true)' : ''}.`,
        })
    }
    return shared.slice(0, 1)
  },
}

export const mounts: Rule = {
  name: 'mounts',
  says: 'Where the daemon writes is mounted rw; the requests nosuid and nodev.',
  look: async ({ layout, mountOf, config }) => {
    const readOnly: Omit<Finding, 'rule'>[] = []
    for (const path of [layout.requests, layout.state, layout.audit, layout.feed]) {
      const mount = await mountOf(path)
      if (mount?.options.has('ro') === true)
        readOnly.push({
          level: 'error',
          what: `${path} is on ${mount.point}, which is mounted read-only.`,
          mend: `mount -o remount,rw ${quoted(mount.point)}`,
        })
    }
    const requests = await mountOf(layout.requests)
    const lacking = ['nosuid', 'nodev'].filter((option) => requests?.options.has(option) === false)
    if (config.unsafeSingleUser || config.unsafeSharedFilesystem || lacking.length === 0) return readOnly
    return [
      ...readOnly,
      {
        level: 'warning',
        what: `${requests?.point} holds files of all users and is mounted without ${lacking.join(' and ')}.`,
        mend: `mount -o remount,${lacking.join(',')} ${quoted(requests?.point ?? '')} (and in /etc/fstab)`,
      },
    ]
  },
}

export const manyGroups: Rule = {
  name: 'groups-over-nfs',
  says: 'Over NFS a server counts sixteen groups of a user, unless it looks them up itself.',
  look: async ({ layout, mountOf, resolved, groupsOf, config }) => {
    const mount = await mountOf(layout.requests)
    if (mount === undefined || !mount.type.startsWith('nfs')) return []
    const crowded: Omit<Finding, 'rule'>[] = []
    for (const account of resolved.ids.keys()) {
      const user = config.accounts[account]?.user ?? account
      const count = (await groupsOf(user)).length
      if (count > 16)
        crowded.push({
          level: 'warning',
          what: `${user} is in ${count} groups; NFS servers count sixteen, so its feed may be closed to it.`,
          mend: 'Let the server look groups up itself (rpc.mountd --manage-gids).',
        })
    }
    return crowded
  },
}
