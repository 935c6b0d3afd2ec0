/** Daemon plugins as they cross borders: their names, what they say of themselves, and the public catalogue. */
import { z } from 'zod/mini'
import { objectSchema } from './json-schema.ts'
import { pluginRef } from './requests.ts'

export const pluginName = z.string().check(z.regex(/^[a-z][a-z0-9-]{0,63}$/))
export const pluginVersion = z.string().check(z.regex(/^[0-9][0-9A-Za-z.-]{0,31}$/))
/** SHA-256 over all of the plugin's files, hex. */
export const pluginDigest = z.string().check(z.regex(/^[0-9a-f]{64}$/))

/** Which code it was that decided: stands in each request's row and audit record. */
export const pluginIdentity = z.readonly(
  z.strictObject({ name: pluginName, version: pluginVersion, digest: pluginDigest }),
)
export type PluginIdentity = z.infer<typeof pluginIdentity>

/** `name`, or `name@version`. */
export const parsePluginRef = (
  text: string,
): { readonly name: string; readonly version: string | undefined } | undefined => {
  if (!pluginRef.safeParse(text).success) return undefined
  const [name = '', version] = text.split('@')
  return { name, version }
}

const argumentName = z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/))
const json = z.record(z.string(), z.unknown())

/** A case that `seneschal plugin check` puts to the plugin. */
export const pluginExample = z.readonly(
  z.strictObject({
    args: json,
    settings: z.optional(json),
    request: z.optional(
      z.readonly(
        z.strictObject({
          account: z.optional(z.string()),
          person: z.optional(z.nullable(z.string())),
          groups: z.optional(z.readonly(z.array(z.string()))),
        }),
      ),
    ),
    /** Kind of the step; `refused` = by the rule, `invalid` = by the schema. */
    expect: z.enum(['refused', 'invalid', 'reject', 'copy', 'job', 'sequence', 'parallel']),
  }),
)
export type PluginExample = z.infer<typeof pluginExample>

/** What a plugin answers to `describe`. */
export const pluginDescription = z.readonly(
  z.strictObject({
    version: pluginVersion,
    /** Its first line is the summary. */
    help: z.string().check(z.minLength(1), z.maxLength(20_000)),
    arguments: objectSchema,
    /** Names of arguments that may be given without their names, in order; a list takes the rest. */
    positional: z.optional(z.readonly(z.array(argumentName))),
    /** Whether the audit log keeps an argument's value, only that it was given, or nothing; one for each. */
    audit: z.record(argumentName, z.enum(['keep', 'hide', 'skip'])),
    settings: objectSchema,
    examples: z.optional(z.readonly(z.array(pluginExample).check(z.maxLength(100)))),
  }),
)
export type PluginDescription = z.infer<typeof pluginDescription>

/** What the schema of a description cannot say. */
export const descriptionProblems = ({
  arguments: schema,
  audit,
  positional,
}: PluginDescription): readonly string[] => {
  const names = Object.keys(schema.properties ?? {})
  return [
    ...names.filter((name) => audit[name] === undefined).map((name) => `audit says nothing of ${name}`),
    ...Object.keys(audit)
      .filter((name) => !names.includes(name))
      .map((name) => `audit names ${name}, which is no argument`),
    ...(positional ?? [])
      .filter((name) => !names.includes(name))
      .map((name) => `positional names ${name}, which is no argument`),
  ]
}

/** `feed/public/plugins.json`: what anybody may know, never settings. */
export const pluginCatalogue = z.readonly(
  z.strictObject({
    v: z.literal(1),
    plugins: z.readonly(
      z.array(
        z.readonly(
          z.strictObject({
            name: pluginName,
            version: pluginVersion,
            digest: pluginDigest,
            /** What the name alone asks for. */
            default: z.boolean(),
            help: z.string(),
            arguments: objectSchema,
            positional: z.readonly(z.array(argumentName)),
          }),
        ),
      ),
    ),
  }),
)
export type PluginCatalogue = z.infer<typeof pluginCatalogue>
export type CatalogueEntry = PluginCatalogue['plugins'][number]

/** The entry that a reference asks for. */
export const findPlugin = <P extends { readonly name: string; readonly version: string }>(
  plugins: readonly (P & { readonly default: boolean })[],
  ref: string,
): (P & { readonly default: boolean }) | undefined => {
  const asked = parsePluginRef(ref)
  return plugins.find(
    (one) =>
      one.name === asked?.name && (asked.version === undefined ? one.default : one.version === asked.version),
  )
}

/** Who asks for what, as a plugin sees it. */
export const pluginRequest = z.readonly(
  z.strictObject({
    id: z.string(),
    account: z.string(),
    /** null: the account itself, no person known. */
    person: z.nullable(z.string()),
    groups: z.readonly(z.array(z.string())),
    /** Checked against the plugin's schema, defaults filled in, before its rule sees them. */
    args: json,
    /** When it was taken up, epoch ms. */
    at: z.number(),
  }),
)

export const verdict = z.union([
  z.strictObject({ allowed: z.literal(true) }),
  z.strictObject({ allowed: z.literal(false), reason: z.string().check(z.minLength(1), z.maxLength(1000)) }),
])
export type Verdict = z.infer<typeof verdict>
