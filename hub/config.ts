/** The hub's configuration. */
import { z } from 'zod/mini'
import { auditSinks, checkpointEvery } from '../config/audit-sinks.ts'
import { absolutePath, duration, durationWithin, port, secretRef } from '../config/schemas.ts'
import { accountPattern } from '../protocol/ids.ts'
import { spawnerConfig } from '../spawners/registry.ts'
import { daemonConfig, daemonsApart, siteName } from './daemons/config.ts'
import { ldapConfig } from './ldap-config.ts'

const text = z.string().check(z.minLength(1))
const httpUrl = z.url({ protocol: /^https?$/, hostname: /^.+$/ })

/** Scheme, host and port alone: cookies and the check of `Origin` hold for all of an origin. */
const origin = httpUrl.check(
  z.refine((url) => URL.canParse(url) && new URL(url).origin === url, {
    error: (issue) => `${JSON.stringify(issue.input)} is not an origin such as https://seneschal.example`,
  }),
  z.refine((url) => url.startsWith('https:') || isLoopback(url), {
    error: () => 'plain http is for loopback only: browsers keep the session cookie for https and localhost',
  }),
)

/** Whether a URL leads to this machine and nowhere else. */
export const isLoopback = (url: string): boolean => {
  const { hostname } = new URL(url)
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
}

const provider = z
  .strictObject({
    issuer: httpUrl,
    clientId: text,
    clientSecret: secretRef,
    scopes: z._default(z.readonly(z.array(text)), ['openid', 'profile']),
    /** The claim that names a person; bound to issuer and subject at the first sign-in. */
    personClaim: z._default(text, 'preferred_username'),
    /** The claim with the name to show. */
    nameClaim: z._default(text, 'name'),
    /** The claim with the list of groups, each of which becomes `oidc/NAME`. */
    groupsClaim: z._default(text, 'groups'),
    /** How old the provider's word about groups may get; it is asked again with a refresh token, or at userinfo. */
    groupsMaxAge: z._default(duration, 'PT5M'),
    /** Asked for when privileges are raised, such as a second factor. */
    acrValues: z.optional(text),
    /** Talk to the provider over plain http, on loopback only: anybody between could be anybody. */
    unsafeAllowHttp: z._default(z.boolean(), false),
    /** How far the provider's clock may be off. */
    clockTolerance: z._default(duration, 'PT30S'),
    /** How long one answer of the provider may take: people wait in front of it. */
    timeout: z._default(duration, 'PT5S'),
  })
  .check(
    z.refine(
      ({ issuer, unsafeAllowHttp }) => issuer.startsWith('https:') || (unsafeAllowHttp && isLoopback(issuer)),
      { path: ['issuer'], error: () => 'must be https (or loopback, with unsafeAllowHttp: true)' },
    ),
  )

const elevationTime = durationWithin('PT1S', 'PT24H')
const elevationOfClass = z.strictObject({
  duration: z.optional(elevationTime),
  reasonRequired: z.optional(z.boolean()),
  /** Asked for instead of `provider.acrValues`. */
  acrValues: z.optional(text),
})

const fields = z.strictObject({
  /** Shown at the head of each page. */
  title: z._default(text, 'Seneschal'),
  /** Name of this installation: the audience of grants, so that they work at no other site. */
  site: siteName,
  /** Names this hub among replicas; its audit chain is `hub/NAME`. */
  name: z._default(z.string().check(z.regex(/^[a-z0-9][a-z0-9-]{0,31}$/)), 'hub'),
  listen: z._default(z.strictObject({ host: z._default(text, '127.0.0.1'), port: z._default(port, 8000) }), {
    host: '127.0.0.1',
    port: 8000,
  }),
  /** The one address by which browsers know the hub; also `iss` of what it signs. */
  publicUrl: origin,
  provider,
  session: z._default(z.strictObject({ maxAge: z._default(duration, 'P30D') }), { maxAge: 'P30D' }),
  /** Raising privileges; what a class says of its own goes before. A site file may allow less time, never more. */
  elevation: z._default(
    z.strictObject({
      duration: z._default(elevationTime, 'PT15M'),
      reasonRequired: z._default(z.boolean(), false),
      execute: z.optional(elevationOfClass),
      write: z.optional(elevationOfClass),
    }),
    { duration: 'PT15M', reasonRequired: false },
  ),
  /** Signing in from a command line, by the provider's device flow: whoever talks somebody into typing a code has a session. */
  commandLine: z._default(
    z.strictObject({
      enabled: z._default(z.boolean(), false),
      /** Such a session ends after this. */
      maxAge: z._default(duration, 'P1D'),
    }),
    { enabled: false, maxAge: 'P1D' },
  ),
  persons: z._default(
    z.strictObject({
      /** Persons who may sign in although an account has the same name; they get no right from it. */
      allowAccountNames: z._default(z.readonly(z.array(z.string().check(z.regex(accountPattern)))), []),
    }),
    { allowAccountNames: [] },
  ),
  /** Tokens with which scripts read. */
  tokens: z._default(
    z.strictObject({
      /** How long one is good for unless its person says, and at most. */
      lasts: z._default(durationWithin('PT1M', 'P3660D'), 'P30D'),
      longest: z._default(durationWithin('PT1M', 'P3660D'), 'P365D'),
      /** How old the provider's word about a person's groups may get until their tokens sleep. */
      groupsMaxAge: z._default(durationWithin('PT1M', 'P3660D'), 'P7D'),
      /** Requests per token and minute. */
      perMinute: z._default(z.number().check(z.int(), z.gte(1)), 600),
    }),
    { lasts: 'P30D', longest: 'P365D', groupsMaxAge: 'P7D', perMinute: 600 },
  ),
  /** How long a kiosk is enrolled for unless its administrator says. */
  kiosks: z._default(z.strictObject({ lasts: z._default(durationWithin('PT1M', 'P3660D'), 'P365D') }), {
    lasts: 'P365D',
  }),
  /** Whether a person's groups on this host count, as `unix/NAME`. */
  unixGroups: z._default(z.boolean(), false),
  /** A directory server whose groups count as `ldap/NAME`. */
  ldapGroups: z.optional(ldapConfig),
  /** SQLite file with sessions, kiosks and handles of UI servers. */
  database: absolutePath,
  /** Signing keys, 0700. */
  keys: absolutePath,
  /** Audit chain and its search index, 0700. */
  audit: absolutePath,
  /** Where copies of the audit log and its signed heads go. */
  auditSinks: z._default(auditSinks, []),
  /** How often the head of the audit log is signed for them. */
  checkpointEvery,
  daemons: z.readonly(z.array(daemonConfig)).check(z.minLength(1)),
  spawner: spawnerConfig,
  servers: z._default(
    z.strictObject({
      /** A UI server that nobody looks at ends itself. */
      idle: z._default(duration, 'PT20M'),
      startTimeout: z._default(duration, 'PT60S'),
      /** Starts under way at once; whoever comes beyond that waits in sight, first come, first served. */
      startsAtOnce: z._default(z.number().check(z.int(), z.gte(1)), 32),
      /** Of one person: their further starts wait, and keep nobody else waiting. */
      startsPerPerson: z._default(z.number().check(z.int(), z.gte(1)), 8),
    }),
    { idle: 'PT20M', startTimeout: 'PT60S', startsAtOnce: 32, startsPerPerson: 8 },
  ),
  /** The built pages; without them the hub serves its interfaces only. */
  webDir: z.optional(absolutePath),
  /** Says on every page that this is a demonstration. */
  demo: z._default(z.boolean(), false),
  /** Proxies in front (addresses or CIDR) whose X-Forwarded-For is believed. */
  trustedProxies: z._default(z.readonly(z.array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]))), []),
  /** Sign-ins, elevations and kiosk connections per address and minute. */
  signInsPerMinute: z._default(z.number().check(z.int(), z.gte(1)), 60),
  /** Actions per person and minute: more than hands do, and a script that ran wild ends there. */
  actionsPerMinute: z._default(z.number().check(z.int(), z.gte(1)), 1200),
  logLevel: z._default(z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']), 'info'),
})

export const hubConfig = fields.check(daemonsApart)
export type HubConfig = z.infer<typeof hubConfig>
