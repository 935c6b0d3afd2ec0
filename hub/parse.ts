/** Unknown input → typed, or `input.invalid` naming what is wrong with it. */
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'

const parse = <T>(schema: z.ZodMiniType<T>, value: unknown): T => {
  const parsed = z.safeParse(schema, value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `
  throw new SeneschalError('input.invalid', `${where}${issue?.message ?? 'invalid'}`.slice(0, 300))
}

export const parseBody = <T>(schema: z.ZodMiniType<T>, body: unknown): T => parse(schema, body)

/** A query string's values are texts; a schema may turn them into what they mean. */
export const parseQuery = <T>(schema: z.ZodMiniType<T>, query: unknown): T => parse(schema, query)
