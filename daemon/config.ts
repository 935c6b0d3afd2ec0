/** The daemon's configuration. */
import { z } from 'zod/mini'
import { auditSinks, checkpointEvery } from '../config/audit-sinks.ts'
import { absolutePath, durationWithin } from '../config/schemas.ts'
import { accountName } from '../protocol/ids.ts'
import { configuredWindow } from './control/config.ts'
import { copiesConfig, noCopies } from './copies/config.ts'
import { logConfig } from './log.ts'
import { noPlugins, pluginsConfig } from './plugins/config.ts'

const interval = durationWithin('PT0.1S', 'PT1H')

const local = z.strictObject({
  kind: z.literal('local'),
  /** The agent as a list: program, then arguments. No shell sees it. */
  command: z.tuple([z.string()], z.string()),
  /** Added to the agent's environment. */
  env: z.optional(z.record(z.string(), z.string())),
})

const ssh = z.strictObject({
  kind: z.literal('ssh'),
  host: z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9.:-]{0,254}$/)),
  port: z._default(z.number().check(z.int(), z.gte(1), z.lte(65535)), 22),
  /** Without it, the account's name. */
  username: z.optional(accountName),
  /** The daemon's private key. */
  keyFile: absolutePath,
  /** OpenSSH public key lines, pinned: nothing is trusted on first use. */
  hostKeys: z.array(z.string()).check(z.minLength(1)),
})

const account = z.strictObject({
  /** Unix user; without it, the account's name. */
  user: z.optional(accountName),
  /** The account's private group, which may read its feed; without it, the user's primary group. */
  group: z.optional(accountName),
  /** The host as people know it; without it, the transport's. */
  host: z.optional(z.string()),
  transport: z.discriminatedUnion('kind', [local, ssh]),
  /** Where the account's workflows run; without it, `~/seneschal-run`. */
  jobRoot: z.optional(absolutePath),
  /** Where the supervisor keeps its socket; without it, `~/.seneschal/run`. */
  agentDir: z.optional(absolutePath),
})
export type AccountConfig = Readonly<z.infer<typeof account>>

const retention = z.strictObject({
  /** Answered requests stay files of their own so long, then until their day is over. */
  loose: z._default(durationWithin('PT0S', 'P30D'), 'P1D'),
  /** Archives of answered requests, by age; and how many bytes of them in `3_finished` and in `3_error` each. */
  requests: z._default(durationWithin('P1D', 'P36500D'), 'P400D'),
  requestsBytes: z._default(z.number().check(z.int(), z.gte(1_000_000)), 10_000_000_000),
  /** What somebody left in `0_temp`. */
  temporary: z._default(durationWithin('PT1H', 'P30D'), 'P1D'),
})

/** Directories beside the accounts' own in `feed/`, and names that are something to every object. */
const reserved: ReadonlySet<string> = new Set(['site', 'public', 'constructor', 'prototype'])

const fields = z.strictObject({
  /** Of this daemon: `daemon/NAME` in audit records. */
  name: z._default(z.string().check(z.regex(/^[a-z][a-z0-9-]{0,31}$/)), 'main'),
  /** The site's name: the audience that a grant must be for. */
  site: z.string().check(z.minLength(1), z.maxLength(64)),
  /** The one directory that holds requests, state, audit and feed. */
  root: absolutePath,
  /** `ACCOUNT/WORKFLOW/workflow.yaml`, installed by the administrator. */
  definitions: absolutePath,
  siteFile: absolutePath,
  /** The hub's public keys as a JWK set. */
  hubKeys: absolutePath,
  /** `iss` of grants: the hub's own address. */
  issuer: z.string().check(z.minLength(1)),
  accounts: z.record(accountName, account),
  /** Who may read `feed/site`, which tells of all workflows, hidden ones too: the hub's group. Without it, nobody else. */
  hubGroup: z.optional(accountName),
  /** A workflow seen for the first time starts by itself. */
  autoplay: z._default(z.boolean(), false),
  poll: z._default(
    z.strictObject({
      /** How often directories are read even if nothing woke us. */
      inbox: z._default(interval, 'PT1S'),
      files: z._default(interval, 'PT10S'),
      jobs: z._default(interval, 'PT15S'),
    }),
    { inbox: 'PT1S', files: 'PT10S', jobs: 'PT15S' },
  ),
  /** How long what is over is kept. */
  retention: z._default(retention, retention.parse({})),
  /** When nothing new starts, known beforehand; others are added with `seneschal daemon maintenance`. */
  maintenance: z._default(z.array(configuredWindow), []),
  /** A drain outlasts a restart. */
  keepDrained: z._default(z.boolean(), false),
  log: z._default(logConfig, logConfig.parse({})),
  /** Audit records as `TIMESTAMP key=value …` lines, too: a file that SIGHUP opens anew. */
  auditLines: z.optional(absolutePath),
  /** Where copies of the audit log and its signed heads go. */
  auditSinks: z._default(auditSinks, []),
  /** How often the head of the audit log is signed for them. */
  checkpointEvery,
  /** White-listed implementations of work that a request may ask for. */
  plugins: z._default(pluginsConfig, noPlugins),
  /** Between which directories plugins may have files copied. */
  copies: z._default(copiesConfig, noCopies),
  /** Requests lie on the filesystem of state, audit or feed: users who fill it stop the daemon. */
  unsafeSharedFilesystem: z._default(z.boolean(), false),
  /** DEMONSTRATION ONLY. All accounts are one Unix user, so accounts are not kept apart. */
  unsafeSingleUser: z._default(z.boolean(), false),
})

/** Whoever is several accounts could not say as which one he asks. */
const sharedUsers = ({ accounts }: z.infer<typeof fields>): ReadonlySet<string> => {
  const byUser = Map.groupBy(Object.entries(accounts), ([name, { user }]) => user ?? name)
  return new Set(
    [...byUser.values()].filter((those) => those.length > 1).flatMap((those) => those.map(([name]) => name)),
  )
}

export const daemonConfig = fields.check((context) => {
  const { value } = context
  const complain = (name: string, message: string) =>
    context.issues.push({ code: 'custom', path: ['accounts', name], message, input: name })
  for (const name of Object.keys(value.accounts))
    if (reserved.has(name)) complain(name, `an account cannot be called ${name}`)
  if (value.unsafeSingleUser) return
  for (const name of sharedUsers(value)) complain(name, 'another account is the same Unix user')
})
export type DaemonConfig = Readonly<z.infer<typeof daemonConfig>>
