/** Schema problems as lines that name the place. */
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'
import type { Path, Yaml } from './yaml.ts'

type Issue = z.core.$ZodIssue

const pathText = (path: Path): string => path.map((step) => String(step)).join('.')

/** What is wrong, one entry for each, unknown keys each with their own place. */
const problems = (
  issues: readonly Issue[],
  base: Path = [],
): readonly { readonly path: Path; readonly text: string }[] =>
  issues.flatMap((issue) => {
    const path = [...base, ...(issue.path as Path)]
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({
        path: [...path, key],
        text: `unknown key ${pathText([...path, key])}`,
      }))
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      // The alternative that got furthest is the one that was meant.
      const deepest = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0]
      if (deepest !== undefined && depth(deepest) > 0) return problems(deepest, path)
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
  const lines = problems(parsed.error.issues, path).map((problem) =>
    yaml.complain(problem.path, problem.text),
  )
  throw new SeneschalError('config.invalid', lines.join('\n'))
}
