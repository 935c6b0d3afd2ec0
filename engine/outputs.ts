/** Outputs as bits of a mask, and the words that the notation has for them. */
import type { Output } from './types.ts'

export const SUBMITTED = 1
export const SUBMIT_FAILED = 2
export const STARTED = 4
export const SUCCEEDED = 8
export const FAILED = 16
export const EXPIRED = 32
export const FINISHED = SUCCEEDED | FAILED

/** By bit position. */
export const outputNames: readonly Output[] = [
  'submitted',
  'submit-failed',
  'started',
  'succeeded',
  'failed',
  'expired',
]
export const OUTPUT_BITS = outputNames.length
export const OUTPUT_MASK = (1 << OUTPUT_BITS) - 1

export const maskOf = (output: Output): number => 1 << outputNames.indexOf(output)

export const outputsIn = (mask: number): readonly Output[] =>
  outputNames.filter((_, bit) => (mask & (1 << bit)) !== 0)

/** A job that succeeded had started; one that started had been submitted. */
export const withImplied = (mask: number): number => {
  if ((mask & FINISHED) !== 0) return mask | SUBMITTED | STARTED
  return (mask & STARTED) !== 0 ? mask | SUBMITTED : mask
}

/** `outputs`: any of them satisfies the trigger. */
export type Qualifier = { readonly outputs: number; readonly label: string }

const submitted = { outputs: SUBMITTED, label: 'submitted' }
const submitFailed = { outputs: SUBMIT_FAILED, label: 'submit-failed' }
const started = { outputs: STARTED, label: 'started' }
const failed = { outputs: FAILED, label: 'failed' }
const finished = { outputs: FINISHED, label: 'finished' }
export const succeeded: Qualifier = { outputs: SUCCEEDED, label: 'succeeded' }

/** `foo:QUALIFIER` for a task. */
export const taskQualifiers: ReadonlyMap<string, Qualifier> = new Map([
  ['submit', submitted],
  ['submitted', submitted],
  ['submit-fail', submitFailed],
  ['submit-failed', submitFailed],
  ['start', started],
  ['started', started],
  ['succeed', succeeded],
  ['succeeded', succeeded],
  ['fail', failed],
  ['failed', failed],
  ['finish', finished],
  ['finished', finished],
])

export type FamilyQualifier = Qualifier & { readonly all: boolean }

const bothWays = (word: string, { outputs }: Qualifier): readonly [string, FamilyQualifier][] => [
  [`${word}-all`, { outputs, label: `${word}-all`, all: true }],
  [`${word}-any`, { outputs, label: `${word}-any`, all: false }],
]

/** `FAM:QUALIFIER`: of all members, or of any. */
export const familyQualifiers: ReadonlyMap<string, FamilyQualifier> = new Map([
  ...bothWays('submit', submitted),
  ...bothWays('submit-fail', submitFailed),
  ...bothWays('start', started),
  ...bothWays('succeed', succeeded),
  ...bothWays('fail', failed),
  ...bothWays('finish', finished),
])
