/** The shape of a workflow definition, as YAML gives it. What the values mean together is compile.ts's matter. */
import { z } from 'zod/mini'
import { taskName } from '../protocol/ids.ts'
import { runnerNames, variableName, variableValue } from '../protocol/jobs.ts'
import { parseDelay, parseDuration } from './duration.ts'
import { hint } from './nearest.ts'
import type { Problem } from './types.ts'

const text = z.string().check(z.maxLength(4096))
const line = z.string().check(z.maxLength(200), z.regex(/^[^\p{Cc}]*$/u, 'must be a single line'))
const delay = z
  .string()
  .check(z.refine((value) => parseDelay(value) !== undefined, 'must be a duration such as PT5S or PT1H'))
const timeLimit = delay.check(z.refine((value) => parseDelay(value) !== 0, 'must be longer than nothing'))
const runner = z.string().check(
  z.refine((name) => runnerNames.some((known) => known === name), {
    error: ({ input }) => `There is no runner "${input}".${hint(String(input), runnerNames)}`,
  }),
)
const variable = z
  .union([z.string(), z.number(), z.boolean()], 'must be a text, number or truth value')
  .check(
    z.refine((value) => variableValue.test(String(value)), 'must be at most 65536 characters without NUL'),
  )
const step = z
  .union([z.int(), z.string()])
  .check(
    z.refine(
      (value) => parseDuration(value) !== undefined,
      'must be a step of whole minutes such as PT1M, PT6H, P1D or P1M, or an integer step such as P1',
    ),
  )
const point = z.union([z.int().check(z.gte(0)), z.string()], 'must be a cycle point')

const meta = z.strictObject({
  title: z.optional(line),
  description: z.optional(text),
  runbook: z.optional(line),
  contact: z.optional(line),
  priority: z.optional(z.enum(['low', 'normal', 'high', 'critical'])),
  expectedBy: z.optional(line),
})

const schedule = z.strictObject({
  initial: z.optional(point),
  final: z.optional(point),
  recurrence: z.optional(step),
  clock: z.optional(z.boolean()),
  runahead: z.optional(z.int().check(z.gte(1), z.lte(1000))),
})

/** What a task may set, and a family for all its members. */
const settings = {
  title: z.optional(line),
  script: z.optional(z.string().check(z.maxLength(65_536))),
  runner: z.optional(runner),
  retries: z.optional(
    z.strictObject({ count: z.int().check(z.gte(0), z.lte(1000)), delay: z.optional(delay) }),
  ),
  timeLimit: z.optional(timeLimit),
  expectedRunTime: z.optional(delay),
  queue: z.optional(taskName),
  environment: z.optional(
    z.record(z.string().check(z.regex(variableName, 'must be the name of a variable')), variable),
  ),
}

const family = z.strictObject({ ...settings, inherits: z.optional(taskName) })
const task = z.strictObject({ ...settings, family: z.optional(taskName) })
const queue = z.strictObject({ limit: z.int().check(z.gte(0), z.lte(100_000)) })

const graphText = z.string().check(z.maxLength(1_000_000))

const definition = z.strictObject({
  meta: z.optional(meta),
  schedule: z.optional(schedule),
  graph: z.union([graphText, z.array(graphText)], 'must be a text, or a list of texts'),
  families: z.optional(z.record(taskName, z.nullable(family))),
  tasks: z.record(taskName, z.nullable(task)),
  queues: z.optional(z.record(taskName, queue)),
  permissions: z.optional(z.unknown()),
})

export type Definition = z.infer<typeof definition>
export type ScheduleDefinition = z.infer<typeof schedule>
export type Settings = Omit<z.infer<typeof task>, 'family'>

const knownKeys: readonly string[] = [
  ...new Set([definition, meta, schedule, family, task, queue].flatMap((each) => Object.keys(each.shape))),
  'parameters',
  'count',
  'delay',
]

type Issue = z.core.$ZodIssue

const sentence = (issue: Issue): string => {
  if (issue.code !== 'invalid_type') return issue.message
  if (issue.input === undefined) return 'is missing'
  return `must be ${/^[aeiou]/.test(issue.expected) ? 'an' : 'a'} ${issue.expected}`
}

const pathOf = (issue: Issue): (string | number)[] =>
  issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))

const problemsOf = (issue: Issue): readonly Problem[] => {
  const path = pathOf(issue)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `"${key}" is not a known key.${hint(key, knownKeys)}`,
    }))
  }
  if (issue.code === 'invalid_key') return [{ path, message: `"${path.at(-1)}" is not a valid name` }]
  return [{ path, message: sentence(issue) }]
}

export const parseDefinition = (
  value: unknown,
):
  | { readonly ok: true; readonly definition: Definition }
  | { readonly ok: false; readonly problems: readonly Problem[] } => {
  const parsed = definition.safeParse(value, { reportInput: true })
  if (parsed.success) return { ok: true, definition: parsed.data }
  return { ok: false, problems: parsed.error.issues.flatMap(problemsOf) }
}
