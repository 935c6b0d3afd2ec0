/** Which daemons a hub serves, how it reads their feeds, and which of them an account belongs to. */
import { z } from 'zod/mini'
import { absolutePath, port } from '../../config/schemas.ts'
import { accountName } from '../../protocol/ids.ts'

const hostName = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9.:-]{0,254}$/))
/** The audience of grants. */
export const siteName = z.string().check(z.regex(/^[a-z0-9][a-z0-9.-]{0,63}$/))

/** To `seneschal agent --role feed --site DIR` on the daemon's host: nothing of that host is mounted here. */
const sshFeed = z.strictObject({
  host: hostName,
  port: z._default(port, 22),
  /** Whoever may read `feed/site` there, and runs nothing else. */
  username: accountName,
  /** The hub's private key for feeds, without passphrase, used for nothing else. */
  keyFile: absolutePath,
  /** OpenSSH public key lines, pinned: nothing is trusted on first use. */
  hostKeys: z.readonly(z.array(z.string()).check(z.minLength(1))),
})
export type SshFeed = Readonly<z.infer<typeof sshFeed>>

export const daemonConfig = z.strictObject({
  /** The `name` of the daemon's own configuration: only records of `daemon/NAME` are taken from its feed. */
  name: z.string().check(z.regex(/^[a-z0-9][a-z0-9-]{0,31}$/)),
  /** The site directory that this daemon made, as the accounts' hosts know it: `feed/`, `requests/`. */
  directory: absolutePath,
  /** Where the hub reads its site feed; without it `feed/site` of that directory, which the hub then mounts too. */
  feed: z.optional(z.union([z.strictObject({ path: absolutePath }), z.strictObject({ ssh: sshFeed })])),
  /** The `site` of its own configuration, so that a grant is good at this daemon alone; without it the hub's. */
  site: z.optional(siteName),
  /** The accounts that it serves; a hub's only daemon may leave it out and serve those of its site file. */
  accounts: z.optional(z.readonly(z.array(accountName))),
})
export type DaemonConfig = Readonly<z.infer<typeof daemonConfig>>

type Several = { readonly site: string; readonly daemons: readonly DaemonConfig[] }
type Issue = { readonly path: readonly (string | number)[]; readonly message: string }

/** Names, sites and accounts that two daemons would share, and daemons that would serve whatever they claim. */
const overlaps = ({ site, daemons }: Several): readonly Issue[] => {
  const found: Issue[] = []
  const taken = new Map<string, string>()
  const take = (what: string, by: string, path: Issue['path']): void => {
    const other = taken.get(what)
    if (other !== undefined) found.push({ path, message: `${what} belongs to daemon ${other} already` })
    else taken.set(what, by)
  }
  for (const [index, daemon] of daemons.entries()) {
    const { name, accounts } = daemon
    const at = ['daemons', index] as const
    take(`name ${name}`, name, [...at, 'name'])
    take(`site ${daemon.site ?? site}`, name, [...at, ...(daemon.site === undefined ? ['name'] : ['site'])])
    if (accounts === undefined && daemons.length > 1)
      found.push({ path: [...at, 'name'], message: `daemon ${name} must list its accounts beside others` })
    for (const [place, account] of (accounts ?? []).entries())
      take(`account ${account}`, name, [...at, 'accounts', place])
  }
  return found
}

/** For the hub's configuration as a whole: each problem at its own place. */
export const daemonsApart = (given: {
  readonly value: Several
  readonly issues: z.core.$ZodRawIssue[]
}): void => {
  for (const { path, message } of overlaps(given.value))
    given.issues.push({ code: 'custom', path: [...path], message, input: given.value })
}

/** The daemon that serves an account; a hub's only one serves all. */
export const daemonOf = (daemons: readonly DaemonConfig[], account: string): DaemonConfig | undefined =>
  daemons.length === 1 && daemons[0]?.accounts === undefined
    ? daemons[0]
    : daemons.find(({ accounts }) => accounts?.includes(account))
