/**
 * The part of JSON Schema in which plugins say what arguments and settings they take. Small on purpose: a keyword that
 * is not enforced would promise what nobody keeps, so any other one is refused. Unlike there, an object takes only the
 * properties that it names, unless `additionalProperties` says what others may be.
 */
import { z } from 'zod/mini'

type Described = { readonly description?: string | undefined }

export type Schema = Described &
  (
    | {
        readonly type: 'string'
        readonly default?: string | undefined
        readonly enum?: readonly string[] | undefined
        /** As JavaScript has it, with the flag u; not anchored. */
        readonly pattern?: string | undefined
        readonly minLength?: number | undefined
        readonly maxLength?: number | undefined
      }
    | {
        readonly type: 'integer' | 'number'
        readonly default?: number | undefined
        readonly minimum?: number | undefined
        readonly maximum?: number | undefined
      }
    | { readonly type: 'boolean'; readonly default?: boolean | undefined }
    | {
        readonly type: 'array'
        readonly items: Schema
        readonly default?: readonly unknown[] | undefined
        readonly minItems?: number | undefined
        readonly maxItems?: number | undefined
      }
    | ObjectSchema
  )

export type ObjectSchema = Described & {
  readonly type: 'object'
  readonly properties?: Readonly<Record<string, Schema>> | undefined
  readonly required?: readonly string[] | undefined
  readonly additionalProperties?: false | Schema | undefined
}

type Values<P> = { readonly [K in keyof P]: Infer<P[K]> }
type Needed<S, P> = Extract<
  | (S extends { readonly required: readonly (infer R)[] } ? R : never)
  | { [K in keyof P]: P[K] extends { readonly default: unknown } ? K : never }[keyof P],
  keyof P
>

/** What a value that passed the schema is, as TypeScript sees it; the schema is to be `const`. */
export type Infer<S> = S extends { readonly type: 'string'; readonly enum: readonly (infer E)[] }
  ? E
  : S extends { readonly type: 'string' }
    ? string
    : S extends { readonly type: 'integer' | 'number' }
      ? number
      : S extends { readonly type: 'boolean' }
        ? boolean
        : S extends { readonly type: 'array'; readonly items: infer I }
          ? readonly Infer<I>[]
          : S extends { readonly type: 'object'; readonly properties: infer P }
            ? Pick<Values<P>, Needed<S, P>> & Partial<Omit<Values<P>, Needed<S, P>>>
            : S extends { readonly type: 'object'; readonly additionalProperties: infer A }
              ? Readonly<Record<string, Infer<A>>>
              : S extends { readonly type: 'object' }
                ? Readonly<Record<string, never>>
                : unknown

const isPattern = (text: string): boolean => {
  try {
    return new RegExp(text, 'u') !== undefined
  } catch {
    return false
  }
}

const described = { description: z.optional(z.string().check(z.maxLength(1000))) }
const count = z.optional(z.number().check(z.int(), z.nonnegative()))
const propertyName = z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/))

export const schemaSchema: z.ZodMiniType<Schema> = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('string'),
      ...described,
      default: z.optional(z.string()),
      enum: z.optional(z.readonly(z.array(z.string()).check(z.minLength(1)))),
      pattern: z.optional(z.string().check(z.refine(isPattern, { error: 'is not a regular expression' }))),
      minLength: count,
      maxLength: count,
    }),
    z.strictObject({
      type: z.enum(['integer', 'number']),
      ...described,
      default: z.optional(z.number()),
      minimum: z.optional(z.number()),
      maximum: z.optional(z.number()),
    }),
    z.strictObject({ type: z.literal('boolean'), ...described, default: z.optional(z.boolean()) }),
    z.strictObject({
      type: z.literal('array'),
      ...described,
      items: schemaSchema,
      default: z.optional(z.readonly(z.array(z.unknown()))),
      minItems: count,
      maxItems: count,
    }),
    objectSchema,
  ]),
)

export const objectSchema = z.strictObject({
  type: z.literal('object'),
  ...described,
  properties: z.optional(z.record(propertyName, schemaSchema)),
  required: z.optional(z.readonly(z.array(propertyName))),
  additionalProperties: z.optional(z.union([z.literal(false), schemaSchema])),
})

type Told = string[]

const number = (
  schema: Extract<Schema, { type: 'integer' | 'number' }>,
  value: unknown,
): string | undefined => {
  const { type, minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema
  if (typeof value !== 'number' || !Number.isFinite(value))
    return `is not ${type === 'integer' ? 'an integer' : 'a number'}`
  if (type === 'integer' && !Number.isSafeInteger(value)) return 'is not an integer'
  if (value < minimum) return `is less than ${minimum}`
  return value > maximum ? `is more than ${maximum}` : undefined
}

const string = (schema: Extract<Schema, { type: 'string' }>, value: unknown): string | undefined => {
  if (typeof value !== 'string') return 'is not a text'
  if (schema.enum?.includes(value) === false) return `is none of ${schema.enum.join(', ')}`
  if (value.length < (schema.minLength ?? 0)) return `is shorter than ${schema.minLength} characters`
  if (value.length > (schema.maxLength ?? Number.POSITIVE_INFINITY))
    return `is longer than ${schema.maxLength} characters`
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value))
    return `does not match ${schema.pattern}`
  return undefined
}

const array = (
  schema: Extract<Schema, { type: 'array' }>,
  value: unknown,
  path: string,
  told: Told,
): unknown => {
  if (!Array.isArray(value)) return told.push(`${path} is not a list`)
  const items: readonly unknown[] = value
  if (items.length < (schema.minItems ?? 0)) told.push(`${path} has fewer than ${schema.minItems} entries`)
  if (items.length > (schema.maxItems ?? Number.POSITIVE_INFINITY))
    return told.push(`${path} has more than ${schema.maxItems} entries`)
  return items.map((item, index) => walk(schema.items, item, `${path}[${index}]`, told))
}

const defaultOf = (schema: Schema): unknown => ('default' in schema ? schema.default : undefined)

const object = (schema: ObjectSchema, value: unknown, path: string, told: Told): unknown => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return told.push(`${path === '' ? 'It' : path} is not a map of names to values`)
  const given = value as Readonly<Record<string, unknown>>
  const named = schema.properties ?? {}
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`)
  const result: [string, unknown][] = []
  for (const [name, property] of Object.entries(named)) {
    const found = Object.hasOwn(given, name) ? given[name] : defaultOf(property)
    if (found !== undefined) result.push([name, walk(property, found, at(name), told)])
    else if (schema.required?.includes(name) === true) told.push(`${at(name)} is missing`)
  }
  for (const [name, found] of Object.entries(given)) {
    if (Object.hasOwn(named, name)) continue
    if (schema.additionalProperties)
      result.push([name, walk(schema.additionalProperties, found, at(name), told)])
    else told.push(`there is no ${at(name)}`)
  }
  return Object.fromEntries(result)
}

const walk = (schema: Schema, value: unknown, path: string, told: Told): unknown => {
  if (schema.type === 'array') return array(schema, value, path, told)
  if (schema.type === 'object') return object(schema, value, path, told)
  const problem =
    schema.type === 'string'
      ? string(schema, value)
      : schema.type === 'boolean'
        ? typeof value === 'boolean'
          ? undefined
          : 'is neither true nor false'
        : number(schema, value)
  if (problem !== undefined) told.push(`${path} ${problem}`)
  return value
}

export type Checked =
  | { readonly ok: true; readonly value: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly problems: readonly string[] }

/** A copy with defaults filled in, or everything that is wrong; problems never repeat a value, which may be a secret. */
export const checkValue = (schema: ObjectSchema, value: unknown): Checked => {
  const problems: Told = []
  const found = object(schema, value, '', problems)
  return problems.length === 0
    ? { ok: true, value: found as Readonly<Record<string, unknown>> }
    : { ok: false, problems }
}
