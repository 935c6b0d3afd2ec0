/**
 * A site's own rules for where servers go, as expressions in CEL (the Common Expression Language): which hosts an
 * account belongs on, which of them take one more, and which of those is best. Parsed and type-checked when the
 * configuration is loaded; what goes wrong later costs that host its turn and nothing else.
 */
import { Environment } from '@marcbachmann/cel-js'
import { z } from 'zod/mini'
import type { StatsAnswer } from '../protocol/agent.ts'

/** What is known without asking a host. */
export type PlacementSubject = {
  readonly account: string
  readonly host: string
  readonly labels: readonly string[]
}
/** What its agent tells, and how many servers this hub placed on it within the last minute. */
export type PlacementFigures = { readonly stats: StatsAnswer; readonly placed: number }

export type Placement = {
  /** Whether the account belongs on the host at all. */
  readonly where?: (subject: PlacementSubject) => boolean
  /** Whether the host takes one more server. */
  readonly filter?: (subject: PlacementSubject, figures: PlacementFigures) => boolean
  /** The lowest takes the server. */
  readonly rank?: (subject: PlacementSubject, figures: PlacementFigures) => number
}

const subjectVariables = { account: 'string', host: 'string', labels: 'list<string>' } as const
const figureVariables = {
  load1: 'double',
  load5: 'double',
  load15: 'double',
  cores: 'double',
  memoryTotal: 'double',
  memoryAvailable: 'double',
  sessions: 'double',
  placed: 'double',
} as const
const sizes = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const

const longest = 2000

const environmentWith = (variables: Readonly<Record<string, string>>): Environment => {
  const environment = new Environment({ limits: { maxAstNodes: 400, maxDepth: 40 } })
  for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type)
  for (const [name, value] of Object.entries(sizes)) environment.registerConstant(name, 'double', value)
  // CEL keeps whole numbers and others apart; `load1 * 2` means what everybody thinks it means.
  const mixed = {
    '+': (a: number, b: number) => a + b,
    '-': (a: number, b: number) => a - b,
    '*': (a: number, b: number) => a * b,
    '/': (a: number, b: number) => a / b,
  }
  for (const [sign, of] of Object.entries(mixed)) {
    environment.registerOperator(`double ${sign} int`, (a: number, b: bigint) => of(a, Number(b)))
    environment.registerOperator(`int ${sign} double`, (a: bigint, b: number) => of(Number(a), b))
  }
  return environment
}
const ofSubject = environmentWith(subjectVariables)
const ofBoth = environmentWith({ ...subjectVariables, ...figureVariables })

/** What an expression must come to. */
const kinds = { where: ['bool'], filter: ['bool'], rank: ['double', 'int'] } as const
type Kind = keyof typeof kinds
const environmentOf = (kind: Kind): Environment => (kind === 'where' ? ofSubject : ofBoth)

/** Why it is none; undefined where it is one. */
const mistakeIn = (kind: Kind, text: string): string | undefined => {
  const found = environmentOf(kind).check(text)
  if (!found.valid) {
    const { error } = found
    const at = error?.range === undefined ? '' : `column ${error.range.start + 1}: `
    return `${at}${error?.summary ?? 'not an expression'}`
  }
  const wanted: readonly string[] = kinds[kind]
  return wanted.includes(found.type ?? '')
    ? undefined
    : `must come to ${wanted.join(' or ')}, and not to ${found.type}`
}

const expression = (kind: Kind) =>
  z.optional(
    z.string().check(
      z.maxLength(longest, { abort: true }),
      z.refine((text) => mistakeIn(kind, text) === undefined, {
        error: (issue) => mistakeIn(kind, String(issue.input)) ?? '',
      }),
    ),
  )

/** The part of a configuration that says where servers go. Each is an expression; docs/operating.md has their words. */
export const placementOptions = z.strictObject({
  where: expression('where'),
  filter: expression('filter'),
  rank: expression('rank'),
})
export type PlacementOptions = Readonly<z.infer<typeof placementOptions>>

const figuresOf = ({ stats, placed }: PlacementFigures) => ({
  load1: stats.load[0],
  load5: stats.load[1],
  load15: stats.load[2],
  cores: stats.cores,
  memoryTotal: stats.memory.total,
  memoryAvailable: stats.memory.available,
  sessions: stats.sessions,
  placed,
})

/** `onProblem` is told of an expression that had no answer for a host: that host is passed over, or comes last. */
export const createPlacement = (
  options: PlacementOptions,
  onProblem: (kind: Kind, host: string, error: unknown) => void,
): Placement => {
  const compile = <T>(kind: Kind, otherwise: T, read: (value: unknown) => T | undefined) => {
    const text = options[kind]
    if (text === undefined) return undefined
    const run = environmentOf(kind).parse(text)
    return (subject: PlacementSubject, figures?: PlacementFigures): T => {
      try {
        const value = run({ ...subject, ...(figures === undefined ? {} : figuresOf(figures)) })
        const result = read(value)
        if (result !== undefined) return result
        onProblem(kind, subject.host, new Error(`It came to ${String(value)}.`))
      } catch (error) {
        onProblem(kind, subject.host, error)
      }
      return otherwise
    }
  }
  const bool = (value: unknown) => (typeof value === 'boolean' ? value : undefined)
  const finite = (value: unknown) => {
    const number = Number(value)
    return Number.isFinite(number) ? number : undefined
  }
  const where = compile('where', false, bool)
  const filter = compile('filter', false, bool)
  const rank = compile('rank', Number.POSITIVE_INFINITY, finite)
  return {
    ...(where === undefined ? {} : { where }),
    ...(filter === undefined ? {} : { filter }),
    ...(rank === undefined ? {} : { rank }),
  }
}
