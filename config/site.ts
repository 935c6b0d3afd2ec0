/** The site file and the permission layers of accounts and workflows. */
import { readFileSync } from 'node:fs'
import { z } from 'zod/mini'
import { accountName, personName } from '../protocol/ids.ts'
import { lockedHost } from '../protocol/locks.ts'
import {
  type ElevationClass,
  type Layer,
  type PermissionSnapshot,
  principal,
  type RuleKey,
  ruleKeys,
  rules,
} from '../protocol/permissions.ts'
import { checkYaml } from './check.ts'
import { durationWithin, milliseconds } from './schemas.ts'
import { type Path, parseYaml, type Yaml } from './yaml.ts'

const elevationTime = durationWithin('PT1S', 'PT24H')

/** Below the site there is nothing to ask. */
const bottom = z.readonly(
  z.array(
    principal.check(
      z.refine((one) => one !== 'inherit', { error: () => 'there are no rules below these to inherit from' }),
    ),
  ),
)
const bottomRules = z.partial(
  z.strictObject(Object.fromEntries(ruleKeys.map((key) => [key, bottom])) as Record<RuleKey, typeof bottom>),
)
/** Persons, by themselves or by their groups. Who is meant to be nobody is left out. */
const people = z.readonly(
  z
    .array(
      principal.check(
        z.refine((one) => !/^(?:inherit|!?owner|!?account:.*)$/.test(one), {
          error: (issue) => `${JSON.stringify(issue.input)} names no person here`,
        }),
      ),
    )
    .check(z.minLength(1, { error: () => 'names nobody: name somebody, or leave it out' })),
)

const siteSchema = z.strictObject({
  permissions: z.optional(bottomRules),
  /** A ceiling that nothing may exceed. */
  limits: z.optional(bottomRules),
  roles: z.optional(
    z.strictObject({
      admin: z.optional(people),
      auditor: z.optional(people),
      developer: z.optional(people),
    }),
  ),
  accounts: z.optional(
    z.record(
      accountName,
      z.strictObject({
        /** Who owns a shared account; nobody unless named. */
        owners: z.optional(people),
        /** Whether the account may act from its own shell; `refuse` by default where owners are named. */
        cli: z.optional(z.enum(['allow', 'refuse'])),
      }),
    ),
  ),
  /** How long raised privileges may last at most, whatever the hub says. */
  elevation: z.optional(
    z.strictObject({ execute: z.optional(elevationTime), write: z.optional(elevationTime) }),
  ),
  locks: z.optional(
    z.strictObject({
      persons: z.optional(z.array(personName)),
      accounts: z.optional(z.array(accountName)),
      hosts: z.optional(z.array(lockedHost)),
    }),
  ),
})

export type Site = Pick<PermissionSnapshot, 'site' | 'limits' | 'roles' | 'locks' | 'elevation'> & {
  readonly accounts: Readonly<
    Record<string, { readonly owners: readonly string[]; readonly cli: 'allow' | 'refuse' }>
  >
}

const build = (yaml: Yaml, file: string, at: Path, value: Layer['rules'] | undefined): Layer => ({
  rules: value ?? {},
  source: {
    file,
    lines: Object.fromEntries(Object.keys(value ?? {}).map((key) => [key, yaml.locate([...at, key]).line])),
  },
})

/** A `permissions:` map that stands somewhere in a parsed file, as a layer that knows its lines. */
export const layerFrom = (yaml: Yaml, file: string, at: Path, value: unknown): Layer =>
  build(yaml, file, at, checkYaml(rules, yaml, at, value ?? {}))

const inMilliseconds = (
  times: Readonly<Partial<Record<ElevationClass, string | undefined>>>,
): NonNullable<PermissionSnapshot['elevation']> =>
  Object.fromEntries(
    Object.entries(times).flatMap(([name, time]) => (time === undefined ? [] : [[name, milliseconds(time)]])),
  )

/** The site file's text → its parts. Throws `config.invalid` with file, line and column. */
export const parseSite = (text: string, file: string): Site => {
  const yaml = parseYaml(text, file)
  const site = checkYaml(siteSchema, yaml, [], yaml.value ?? {})
  return {
    site: build(yaml, file, ['permissions'], site.permissions),
    limits: build(yaml, file, ['limits'], site.limits),
    roles: {
      admin: site.roles?.admin ?? [],
      auditor: site.roles?.auditor ?? [],
      developer: site.roles?.developer ?? [],
    },
    locks: {
      persons: site.locks?.persons ?? [],
      accounts: site.locks?.accounts ?? [],
      hosts: site.locks?.hosts ?? [],
    },
    ...(site.elevation === undefined ? {} : { elevation: inMilliseconds(site.elevation) }),
    accounts: Object.fromEntries(
      Object.entries(site.accounts ?? {}).map(([name, entry]) => {
        const owners = entry.owners ?? []
        return [name, { owners, cli: entry.cli ?? (owners.length > 0 ? 'refuse' : 'allow') }]
      }),
    ),
  }
}

export const loadSite = (file: string): Site => parseSite(readFileSync(file, 'utf8'), file)

const accountSchema = z.strictObject({ title: z.optional(z.string()), permissions: z.optional(rules) })

/** `account.yaml` beside an account's definitions: its title and its layer. */
export const parseAccountFile = (
  text: string,
  file: string,
): { readonly title: string | undefined; readonly layer: Layer | undefined } => {
  const yaml = parseYaml(text, file)
  const value = checkYaml(accountSchema, yaml, [], yaml.value ?? {})
  return {
    title: value.title,
    layer:
      value.permissions === undefined ? undefined : build(yaml, file, ['permissions'], value.permissions),
  }
}
