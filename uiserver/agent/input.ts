/** A verb's line of input, checked. */
import { z } from 'zod/mini'
import { SeneschalError } from '../../protocol/errors.ts'

export const parseInputAs = <T>(schema: z.ZodMiniType<T>, input: unknown): T => {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  throw new SeneschalError('input.invalid', z.prettifyError(parsed.error).replaceAll('\n', ' '))
}
