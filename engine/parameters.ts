/**
 * Parameters: `sim<m>` is one task for each value of `m`, as Cylc users know it. A name becomes `sim_m1` for numbers,
 * padded to the width of the largest, and `sim_north` for words.
 */
import { z } from 'zod/mini'
import { hint } from './nearest.ts'
import type { Problem } from './types.ts'

const word = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/
const range = /^(\d{1,9})\s*\.\.\s*(\d{1,9})(?:\s*\.\.\s*(\d{1,9}))?$/
const parameterName = /^[A-Za-z_][A-Za-z0-9_]{0,31}$/

/** More than any suite has; a range that was meant otherwise must not fill the memory. */
export const mostValues = 10_000
export const mostInstances = 100_000

const given = z.record(z.string(), z.union([z.int(), z.string(), z.array(z.union([z.int(), z.string()]))]))

export type Parameter = {
  /** As `<m=…>` and jobs know them. */
  readonly values: readonly string[]
  /** What stands in names, by place. */
  readonly labels: readonly string[]
}
export type Parameters = ReadonlyMap<string, Parameter>

/** Places in the lists of values. */
export type Binding = ReadonlyMap<string, number>

const valuesOf = (text: string): readonly string[] | string => {
  const found: string[] = []
  for (const item of text.split(',').map((part) => part.trim())) {
    const [, first, last, step = '1'] = range.exec(item) ?? []
    if (first === undefined || last === undefined) {
      if (!word.test(item)) return `"${item}" is neither a value nor a range such as 1..3 or 0..12..6`
      found.push(item)
      continue
    }
    if (Number(step) === 0 || Number(last) < Number(first)) return `the range "${item}" leads nowhere`
    if ((Number(last) - Number(first)) / Number(step) >= mostValues)
      return `"${item}" is more than ${mostValues} values`
    for (let value = Number(first); value <= Number(last); value += Number(step)) found.push(String(value))
  }
  return found
}

const parameterOf = (name: string, text: string): Parameter | string => {
  if (!parameterName.test(name)) return `"${name}" is not a valid name`
  const values = valuesOf(text)
  if (typeof values === 'string') return values
  if (values.length > mostValues) return `has more than ${mostValues} values`
  const twice = values.find((value, index) => values.indexOf(value) !== index)
  if (twice !== undefined) return `has the value "${twice}" twice`
  if (!values.every((value) => /^\d+$/.test(value)))
    return { values, labels: values.map((value) => `_${value}`) }
  const width = Math.max(...values.map((value) => String(Number(value)).length))
  return {
    values: values.map((value) => String(Number(value))),
    labels: values.map((value) => `_${name}${String(Number(value)).padStart(width, '0')}`),
  }
}

export const readParameters = (
  value: unknown,
): { readonly parameters: Parameters; readonly problems: readonly Problem[] } => {
  const parsed = given.safeParse(value)
  if (!parsed.success) {
    const message = 'must give each parameter its values: a range such as 1..3, or a list'
    return { parameters: new Map(), problems: [{ path: ['parameters'], message }] }
  }
  const parameters = new Map<string, Parameter>()
  const problems: Problem[] = []
  for (const [name, values] of Object.entries(parsed.data)) {
    const found = parameterOf(name, [values].flat().join(','))
    if (typeof found === 'string') problems.push({ path: ['parameters', name], message: found })
    else parameters.set(name, found)
  }
  return { parameters, problems }
}

type Reference = {
  readonly parameter: string
  /** Values before or after the one that is bound. */
  readonly offset: number
  /** Always this one, by its place. */
  readonly fixed?: number
}
/** Text, and what is filled in between. */
export type NameTemplate = readonly (string | readonly Reference[])[]

const reference = /^([A-Za-z_][A-Za-z0-9_]*)\s*(?:([+-])\s*(\d{1,9})|=\s*([A-Za-z0-9_-]+))?$/

/** Of a name with `<…>` in it; a text says what is wrong with it. */
export const parseTemplate = (name: string, parameters: Parameters): NameTemplate | string => {
  const parts: (string | readonly Reference[])[] = []
  for (const piece of name.split(/(<[^<>]*>)/)) {
    if (!piece.startsWith('<')) {
      parts.push(piece)
      continue
    }
    const references: Reference[] = []
    for (const item of piece
      .slice(1, -1)
      .split(',')
      .map((one) => one.trim())) {
      const [, parameter, sign, distance, value] = reference.exec(item) ?? []
      if (parameter === undefined) return `"<${item}>" is not a parameter such as <m>, <m-1> or <m=2>.`
      const known = parameters.get(parameter)
      if (known === undefined)
        return `There is no parameter "${parameter}".${hint(parameter, parameters.keys())}`
      if (value === undefined) {
        references.push({ parameter, offset: Number(`${sign ?? ''}${distance ?? 0}`) })
        continue
      }
      const fixed = known.values.indexOf(/^\d+$/.test(value) ? String(Number(value)) : value)
      if (fixed === -1) return `"${value}" is no value of "${parameter}".${hint(value, known.values)}`
      references.push({ parameter, offset: 0, fixed })
    }
    parts.push(references)
  }
  return parts
}

const referencesIn = (template: NameTemplate): readonly Reference[] =>
  template.flatMap((part) => (typeof part === 'string' ? [] : part))

export const hasOffset = (template: NameTemplate): boolean =>
  referencesIn(template).some(({ offset }) => offset !== 0)

/** Parameters that a template leaves open. */
export const openIn = (template: NameTemplate): readonly string[] => [
  ...new Set(
    referencesIn(template).flatMap(({ parameter, fixed }) => (fixed === undefined ? [parameter] : [])),
  ),
]

/** Undefined where an offset leads beyond the first or last value. */
export const fillIn = (
  template: NameTemplate,
  binding: Binding,
  parameters: Parameters,
): string | undefined => {
  let name = ''
  for (const part of template) {
    if (typeof part === 'string') {
      name += part
      continue
    }
    for (const { parameter, offset, fixed } of part) {
      const label = parameters.get(parameter)?.labels[fixed ?? (binding.get(parameter) ?? 0) + offset]
      if (label === undefined) return undefined
      name += label
    }
  }
  return name
}

/** Each value of the one with each of the others, in order; undefined where that is more than anybody has. */
export const bindings = (
  names: readonly string[],
  parameters: Parameters,
): readonly Binding[] | undefined => {
  let found: readonly Binding[] = [new Map()]
  for (const name of names) {
    const count = parameters.get(name)?.values.length ?? 0
    if (found.length * count > mostInstances) return undefined
    found = found.flatMap((binding) =>
      Array.from({ length: count }, (_, place) => new Map([...binding, [name, place] as const])),
    )
  }
  return found
}

/** What a job is told of its own: the value of each parameter that its task was made with. */
export const variablesOf = (
  template: NameTemplate,
  binding: Binding,
  parameters: Parameters,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    referencesIn(template).map(({ parameter, fixed }) => [
      `SENESCHAL_PARAM_${parameter}`,
      parameters.get(parameter)?.values[fixed ?? binding.get(parameter) ?? 0] ?? '',
    ]),
  )
