/** Schemas that several configurations share. */
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'

/** Paths are absolute: nothing depends on where a program was started. */
export const absolutePath = z
  .string()
  .check(
    z.regex(/^\/[^\0]*$/, { error: (issue) => `${JSON.stringify(issue.input)} is not an absolute path` }),
  )

const secretProblem = (file: string): string | undefined => {
  try {
    const stat = statSync(file)
    if (!stat.isFile()) return `${file} is not a regular file`
    if ((stat.mode & 0o007) !== 0)
      return `${file} holds a secret, and others can read or write it (chmod o= it)`
    accessSync(file, constants.R_OK)
    return stat.size === 0 ? `${file} is empty` : undefined
  } catch (thrown) {
    return `the secret ${file} cannot be read: ${(thrown as NodeJS.ErrnoException).code ?? 'unknown error'}`
  }
}

/** A secret is never written into a configuration: it names the file that holds it, closed to others. */
export const secretRef = z.strictObject({
  file: absolutePath.check(
    z.refine((file) => secretProblem(file) === undefined, {
      error: (issue) => secretProblem(String(issue.input)) ?? 'unreadable secret',
    }),
  ),
})
export type SecretRef = z.infer<typeof secretRef>

/** The secret, without the newline that editors leave. */
export const readSecret = (ref: SecretRef): string => {
  const problem = secretProblem(ref.file)
  if (problem !== undefined) throw new SeneschalError('config.invalid', problem)
  return readFileSync(ref.file, 'utf8').replace(/\r?\n$/, '')
}

/** An ISO 8601 duration without months and years, whose length depends on the calendar: `PT15M`, `P30D`. */
export const duration = z.string().check(
  z.refine((text) => parseDuration(text) !== undefined, {
    error: (issue) => `${JSON.stringify(issue.input)} is not a duration such as PT15M or P30D`,
  }),
)

/** A duration no shorter and no longer than these: a timer without a pause, or of a month, is a slip of the pen. */
export const durationWithin = (least: string, most: string) =>
  duration.check(
    z.refine(
      (text) => {
        const length = parseDuration(text)
        return length === undefined || (length >= milliseconds(least) && length <= milliseconds(most))
      },
      { error: ({ input }) => `${JSON.stringify(input)} is not between ${least} and ${most}` },
    ),
  )

const parseDuration = (text: string): number | undefined => {
  try {
    const parsed = Temporal.Duration.from(text)
    if (parsed.years !== 0 || parsed.months !== 0 || parsed.sign < 0) return undefined
    return parsed.total({ unit: 'millisecond', relativeTo: '2000-01-01T00:00Z[UTC]' })
  } catch {
    return undefined
  }
}

/** Length of a duration that passed the schema, ms. */
export const milliseconds = (text: string): number => {
  const parsed = parseDuration(text)
  if (parsed === undefined)
    throw new SeneschalError('config.invalid', `${JSON.stringify(text)} is not a duration.`)
  return parsed
}

export const port = z.number().check(z.int(), z.gte(0), z.lte(65535))
