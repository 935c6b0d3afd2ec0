/** Schema problems as lines that name the place. */
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'
import { nearest } from './nearest.ts'
import type { Path, Yaml } from './yaml.ts'

type Issue = z.core.$ZodIssue

const pathText = (path: Path): string => path.map((step) => String(step)).join('.')

type Inner = { readonly def: { readonly [key: string]: unknown } }
const innerOf = (schema: unknown): Inner['def'] => (schema as Inner).def

/** The keys that a schema knows at a path; none where it knows none by name. */
const keysAt = (schema: unknown, path: Path): readonly string[] => {
  const { shape, innerType, valueType, element } = innerOf(schema)
  if (innerType !== undefined) return keysAt(innerType, path)
  const [step, ...rest] = path
  if (step === undefined) return typeof shape === 'object' && shape !== null ? Object.keys(shape) : []
  if (typeof shape === 'object' && shape !== null)
    return Object.hasOwn(shape, step) ? keysAt((shape as Record<string, unknown>)[String(step)], rest) : []
  const within = valueType ?? element
  return within === undefined ? [] : keysAt(within, rest)
}

const hint = (key: string, known: readonly string[]): string => {
  const meant = nearest(key, known)
  return meant === undefined ? '' : `; did you mean ${meant}?`
}

/** What is wrong, one entry for each, unknown keys each with their own place. */
const problems = (
  schema: z.ZodMiniType,
  issues: readonly Issue[],
  base: Path = [],
): readonly { readonly path: Path; readonly text: string }[] =>
  issues.flatMap((issue) => {
    const path = [...base, ...(issue.path as Path)]
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({
        path: [...path, key],
        text: `unknown key ${key === '' ? '""' : pathText([...path, key])}${hint(key, keysAt(schema, issue.path as Path))}`,
      }))
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      // The alternative that got furthest is the one that was meant.
      const deepest = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0]
      if (deepest !== undefined && depth(deepest) > 0) return problems(schema, deepest, path)
    }
    if (issue.code === 'invalid_key' && issue.issues.length > 0)
      return [{ path, text: `${JSON.stringify(path.at(-1))} is not a valid name here` }]
    const where = path.length === 0 ? '' : `${pathText(path)}: `
    return [{ path, text: `${where}${issue.message}` }]
  })

const depth = (issues: readonly Issue[]): number => Math.max(0, ...issues.map((issue) => issue.path.length))

/** The value as its schema types it, or `config.invalid` with every problem on a line of its own. */
export const checkYaml = <T>(
  schema: z.ZodMiniType<T>,
  yaml: Yaml,
  path: Path = [],
  value: unknown = yaml.value,
): T => {
  z.config(z.locales.en())
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const lines = problems(schema, parsed.error.issues, path).map((problem) =>
    yaml.complain(problem.path, problem.text),
  )
  throw new SeneschalError('config.invalid', lines.join('\n'))
}
