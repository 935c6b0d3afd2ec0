/** The site file and the permission layers of accounts and workflows. */
import { readFileSync } from 'node:fs'
import { z } from 'zod/mini'
import { accountName } from '../protocol/ids.ts'
import {
  type ElevationClass,
  type Layer,
  type PermissionSnapshot,
  principals,
  rules,
} from '../protocol/permissions.ts'
import { checkYaml } from './check.ts'
import { durationWithin, milliseconds } from './schemas.ts'
import { type Path, parseYaml, type Yaml } from './yaml.ts'

const elevationTime = durationWithin('PT1S', 'PT24H')

const siteSchema = z.strictObject({
  permissions: z.optional(rules),
  /** A ceiling that nothing may exceed. */
  limits: z.optional(rules),
  roles: z.optional(
    z.strictObject({
      admin: z.optional(principals),
      auditor: z.optional(principals),
      developer: z.optional(principals),
    }),
  ),
  accounts: z.optional(
    z.record(
      accountName,
      z.strictObject({
        /** Who owns a shared account; nobody unless named. */
        owners: z.optional(principals),
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
      persons: z.optional(z.array(z.string())),
      accounts: z.optional(z.array(accountName)),
      hosts: z.optional(z.array(z.string())),
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
