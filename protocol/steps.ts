/**
 * What a plugin can have done: data only, parsed strictly where it leaves the plugin's process. `sequence` and
 * `parallel` hold others; what is left are the leaves, which an executor of the daemon carries out.
 */
import { z } from 'zod/mini'
import { SeneschalError } from './errors.ts'

/** Bounds of one plan: leaves, levels of nesting, and characters of all of it as JSON. */
export const stepLimits = { leaves: 100, depth: 4, size: 200_000 } as const

const isInside = (path: string): boolean =>
  path !== '' &&
  !path.includes('\0') &&
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')

/** Relative to its root, which it cannot leave by its own words; links are the executor's to judge. */
export const relativePath = z
  .string()
  .check(z.maxLength(4096), z.refine(isInside, { error: 'is not a plain relative path' }))

const place = z.readonly(
  z.strictObject({
    /** `site`: a root of the service account; `user`: one of the account that asks, reached as that account. */
    side: z.enum(['site', 'user']),
    /** Name of a configured root. */
    root: z.string().check(z.regex(/^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/)),
    path: relativePath,
  }),
)

/** Told to whoever asked when it ended well; of a plan, the outermost step's counts. */
const message = z.optional(z.string().check(z.maxLength(1000)))
const word = z.string().check(z.maxLength(8192), z.regex(/^[^\0]*$/))

const copyStep = z.readonly(
  z.strictObject({
    kind: z.literal('copy'),
    from: place,
    to: place,
    /** Only where the person said so. */
    overwrite: z.boolean(),
    /** Read what was written once more. */
    verify: z.optional(z.boolean()),
    /** Holes stay holes; without it, they do. */
    sparse: z.optional(z.boolean()),
    message,
  }),
)
const job = {
  kind: z.literal('job'),
  /** Added to the job's own environment. */
  environment: z.optional(z.record(z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/)), word)),
  runner: z.optional(z.string().check(z.regex(/^[a-z][a-z0-9-]{0,31}$/))),
  timeLimitMs: z.optional(z.number().check(z.int(), z.positive(), z.lte(30 * 24 * 3_600_000))),
  message,
}
/** A job of the account that asks. Either words, run exactly as they are, or a script. */
const jobStep = z.union([
  z.readonly(
    z.strictObject({
      ...job,
      /** The program's absolute path, then its arguments. */
      argv: z.readonly(
        z.array(word).check(
          z.minLength(1),
          z.maxLength(256),
          z.refine((words) => words[0]?.startsWith('/') === true, { error: 'begins with an absolute path' }),
        ),
      ),
    }),
  ),
  z.readonly(
    z.strictObject({
      ...job,
      /** Begins with `#!`, or is given to `sh -e`. */
      script: z.string().check(z.maxLength(100_000), z.regex(/^[^\0]*$/)),
    }),
  ),
])

const leafStep = z.union([copyStep, jobStep])
export type LeafStep = z.infer<typeof leafStep>
export type JobStep = z.infer<typeof jobStep>
export type CopyStep = z.infer<typeof copyStep>
export type LeafKind = LeafStep['kind']

export type Group = {
  readonly kind: 'sequence' | 'parallel'
  readonly steps: readonly Work[]
  readonly message?: string | undefined
}
export type Work = LeafStep | Group

const work: z.ZodMiniType<Work> = z.lazy(() =>
  z.union([
    leafStep,
    z.readonly(
      z.strictObject({
        kind: z.enum(['sequence', 'parallel']),
        steps: z.readonly(z.array(work).check(z.maxLength(stepLimits.leaves))),
        message,
      }),
    ),
  ]),
)
const reject = z.readonly(
  z.strictObject({ kind: z.literal('reject'), reason: z.string().check(z.minLength(1), z.maxLength(1000)) }),
)
export type Step = z.infer<typeof reject> | Work

export const isGroup = (step: Work): step is Group => step.kind === 'sequence' || step.kind === 'parallel'

/** In the order in which they stand; a leaf's number is its place here, from 1. */
export const leavesOf = (step: Work): readonly LeafStep[] =>
  isGroup(step) ? step.steps.flatMap(leavesOf) : [step]

const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null && 'steps' in value && Array.isArray(value.steps)
    ? 1 + Math.max(0, ...value.steps.map(depthOf))
    : 1

const invalid = (why: string): SeneschalError => new SeneschalError('plugin.failed', `Its plan ${why}.`)

/** A plan from somebody whom nobody trusts. Throws `plugin.failed`, with what is wrong in words for its author. */
export const parseStep = (value: unknown): Step => {
  if ((JSON.stringify(value)?.length ?? 0) > stepLimits.size) throw invalid('is too large')
  if (depthOf(value) > stepLimits.depth) throw invalid(`is nested more than ${stepLimits.depth} levels deep`)
  const parsed = (
    typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'reject' ? reject : work
  ).safeParse(value)
  if (!parsed.success) throw invalid(`is no step: ${z.prettifyError(parsed.error).slice(0, 500)}`)
  const step: Step = parsed.data
  if (step.kind !== 'reject' && leavesOf(step).length > stepLimits.leaves)
    throw invalid(`has more than ${stepLimits.leaves} steps`)
  return step
}
