/** A definition with parameters → one without: tasks and families by their own names, and the graph's lines. */
import type { GraphChain, GraphExpression, GraphFault, GraphNode } from './graph-parser.ts'
import {
  type Binding,
  bindings,
  fillIn,
  hasOffset,
  mostInstances,
  type NameTemplate,
  openIn,
  type Parameters,
  parseTemplate,
  readParameters,
  variablesOf,
} from './parameters.ts'
import type { Problem, ProblemPath } from './types.ts'

type Table = Readonly<Record<string, unknown>>
const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export type Expanded = {
  readonly value: unknown
  readonly parameters: Parameters
  readonly problems: readonly Problem[]
  /** Where something of an expanded name stands in what was written. */
  readonly written: (path: ProblemPath) => ProblemPath
}

const tooMany = `makes more than ${mostInstances} of it: other parameters were meant, or smaller ones`

/** What one task or family settled before another says of the same name. */
const over = (before: unknown, after: unknown): unknown => {
  if (!isTable(before) || !isTable(after)) return after ?? before ?? null
  const environment =
    isTable(before.environment) && isTable(after.environment)
      ? { environment: { ...before.environment, ...after.environment } }
      : {}
  return { ...before, ...after, ...environment }
}

export const expandDefinition = (value: unknown): Expanded => {
  const untouched = { parameters: new Map(), problems: [], written: (path: ProblemPath) => path }
  if (!isTable(value) || value.parameters === undefined) return { value, ...untouched }
  const { parameters: written, ...rest } = value
  const { parameters, problems: found } = readParameters(written)
  if (found.length > 0) return { value: rest, parameters, problems: found, written: untouched.written }

  const problems: Problem[] = []
  const origins = new Map<string, string>()

  const templateAt = (path: ProblemPath, name: string): NameTemplate | undefined => {
    const template = parseTemplate(name, parameters)
    const fault =
      typeof template === 'string'
        ? template
        : hasOffset(template)
          ? 'An offset has no meaning here: name the parameter, or one value of it.'
          : undefined
    if (fault === undefined && typeof template !== 'string') return template
    problems.push({ path, message: fault ?? '' })
    return undefined
  }

  /** `family` of a task or `inherits` of a family, which may use the parameters of the name that it stands below. */
  const parentOf = (
    path: ProblemPath,
    settings: unknown,
    key: 'family' | 'inherits',
    own: readonly string[],
  ): NameTemplate | undefined => {
    const parent = isTable(settings) ? settings[key] : undefined
    if (typeof parent !== 'string' || !parent.includes('<')) return undefined
    const template = templateAt([...path, key], parent)
    const foreign = template === undefined ? undefined : openIn(template).find((name) => !own.includes(name))
    if (foreign === undefined) return template
    problems.push({ path: [...path, key], message: `"${foreign}" is not a parameter of this name.` })
    return undefined
  }

  const expandTable = (kind: 'tasks' | 'families', table: unknown): unknown => {
    if (!isTable(table)) return table
    const key = kind === 'tasks' ? 'family' : 'inherits'
    const made = new Map<string, unknown>()
    const put = (name: string, from: string, settings: unknown) => {
      made.set(name, over(made.get(name), settings))
      if (!origins.has(`${kind} ${name}`)) origins.set(`${kind} ${name}`, from)
    }
    for (const [name, settings] of Object.entries(table)) {
      const path = [kind, name]
      const template = templateAt(path, name)
      if (template === undefined) continue
      const open = openIn(template)
      const parent = parentOf(path, settings, key, open)
      const all = bindings(open, parameters)
      if (all === undefined || made.size + all.length > mostInstances) {
        problems.push({ path, message: tooMany })
        continue
      }
      for (const binding of all) {
        const own = fillIn(template, binding, parameters)
        if (own === undefined) continue
        put(own, name, withParameters(settings, { kind, key, template, parent, binding, parameters }))
      }
    }
    return Object.fromEntries(made)
  }

  const expanded: Table = {
    ...rest,
    ...(rest.tasks === undefined ? {} : { tasks: expandTable('tasks', rest.tasks) }),
    ...(rest.families === undefined ? {} : { families: expandTable('families', rest.families) }),
  }
  return {
    value: expanded,
    parameters,
    problems,
    written: (path) => {
      const [kind, name, ...below] = path
      const origin = origins.get(`${kind} ${name}`)
      return kind === undefined || origin === undefined ? path : [kind, origin, ...below]
    },
  }
}

const withParameters = (
  settings: unknown,
  made: {
    readonly kind: 'tasks' | 'families'
    readonly key: 'family' | 'inherits'
    readonly template: NameTemplate
    readonly parent: NameTemplate | undefined
    readonly binding: Binding
    readonly parameters: Parameters
  },
): unknown => {
  const { kind, key, template, parent, binding, parameters } = made
  if (settings !== null && !isTable(settings)) return settings
  const variables = kind === 'tasks' ? variablesOf(template, binding, parameters) : {}
  const environment = settings?.environment
  const isSound = environment === undefined || isTable(environment)
  return {
    ...settings,
    ...(parent === undefined ? {} : { [key]: fillIn(parent, binding, parameters) }),
    ...(Object.keys(variables).length > 0 && isSound
      ? { environment: { ...variables, ...environment } }
      : {}),
  }
}

const nodesIn = (expression: GraphExpression): readonly GraphNode[] =>
  expression.op === 'node' ? [expression] : expression.of.flatMap(nodesIn)

/** Without the nodes whose offset leads beyond the values; undefined where nothing is left. */
const fillExpression = (
  expression: GraphExpression,
  fill: (node: GraphNode) => string | undefined,
): GraphExpression | undefined => {
  if (expression.op === 'node') {
    const name = fill(expression)
    return name === undefined ? undefined : { ...expression, name }
  }
  const of = expression.of.flatMap((part) => fillExpression(part, fill) ?? [])
  return of.length > 1 ? { ...expression, of } : of[0]
}

/**
 * One line of the graph for each combination of the parameters in it. Where an offset leads beyond the first or last
 * value, what has it falls away, and the line with it as far as nothing is left of it.
 */
export const expandChain = (
  chain: GraphChain,
  parameters: Parameters,
  tell: (fault: GraphFault) => void,
): readonly GraphChain[] => {
  const nodes = chain.flatMap(nodesIn)
  if (!nodes.some(({ name }) => name.includes('<'))) return [chain]
  const templates = new Map<string, NameTemplate>()
  let isSound = true
  const fault = (node: GraphNode | undefined, message: string) => {
    isSound = false
    if (node !== undefined) tell({ message, at: node.at })
  }
  for (const node of nodes) {
    const template = parseTemplate(node.name, parameters)
    if (typeof template === 'string') fault(node, template)
    else templates.set(node.name, template)
  }
  if (!isSound) return []
  const all = bindings([...new Set([...templates.values()].flatMap(openIn))], parameters)
  if (all === undefined) {
    fault(nodes[0], `This line ${tooMany}.`)
    return []
  }
  return all.flatMap((binding) => {
    const fill = ({ name }: GraphNode) => fillIn(templates.get(name) ?? [name], binding, parameters)
    const lines: GraphExpression[][] = [[]]
    for (const part of chain) {
      const filled = fillExpression(part, fill)
      if (filled === undefined) lines.push([])
      else lines.at(-1)?.push(filled)
    }
    return lines.filter((line) => line.length > 0)
  })
}
