/** A compiled graph as text for programs that draw: DOT (Graphviz) and Mermaid. */
import type { CompiledWorkflow, GraphEdge } from './types.ts'

type Drawn = Pick<CompiledWorkflow, 'tasks' | 'families' | 'edges'>

/** What stands beside an arrow: the output, if it is another than success, and the offset. */
const labelOf = ({ output, offset }: GraphEdge): string =>
  [output === 'succeeded' ? '' : output, offset === undefined ? '' : `[${offset}]`].filter(Boolean).join(' ')

const quoted = (text: string): string => `"${text.replaceAll('"', "'")}"`

/** Families that something waits for: they are nodes of their own beside their members. */
const awaited = ({ families, edges }: Drawn): readonly string[] => [
  ...new Set(edges.flatMap(({ from }) => (families.has(from) ? [from] : []))),
]

/** What such a family is made of: its members, and their members. */
const membersOf = ({ families }: Drawn, family: string): readonly string[] =>
  families.get(family)?.members ?? []

/** Of each family the members that are in no nearer one. */
const nearest = ({ tasks, families }: Drawn): ReadonlyMap<string, readonly string[]> => {
  const found = new Map<string, string[]>([...families.keys()].map((name) => [name, []]))
  for (const { name, families: of } of tasks.values()) found.get(of[0] ?? '')?.push(name)
  return found
}

const children = ({ families }: Drawn, parent: string | undefined): readonly string[] =>
  [...families.values()].flatMap((family) => (family.parent === parent ? [family.name] : []))

export const toDot = (workflow: Drawn, name: string): string => {
  const members = nearest(workflow)
  const cluster = (family: string, indent: string): readonly string[] => {
    const inner = [
      ...children(workflow, family).flatMap((child) => cluster(child, `${indent}  `)),
      ...(members.get(family) ?? []).map((task) => `${indent}  ${quoted(task)}`),
    ]
    if (inner.length === 0) return []
    return [
      `${indent}subgraph ${quoted(`cluster_${family}`)} {`,
      `${indent}  label=${quoted(family)}`,
      ...inner,
      `${indent}}`,
    ]
  }
  const arrow = (edge: GraphEdge): string => {
    const label = labelOf(edge)
    const settings = [
      ...(label === '' ? [] : [`label=${quoted(label)}`]),
      ...(edge.alternative ? ['style=dashed'] : []),
      // What is of an earlier cycle must not turn the drawing round.
      ...(edge.offset === undefined ? [] : ['style=dotted', 'constraint=false']),
    ]
    const tail = settings.length === 0 ? '' : ` [${settings.join(', ')}]`
    return `  ${quoted(edge.from)} -> ${quoted(edge.to)}${tail}`
  }
  return [
    `digraph ${quoted(name)} {`,
    '  rankdir=LR',
    '  node [shape=box, style=rounded]',
    ...children(workflow, undefined).flatMap((family) => cluster(family, '  ')),
    ...awaited(workflow).map((family) => `  ${quoted(family)} [shape=folder]`),
    ...[...workflow.tasks.keys()].map((task) => `  ${quoted(task)}`),
    ...awaited(workflow).flatMap((family) =>
      membersOf(workflow, family).map((task) => `  ${quoted(task)} -> ${quoted(family)} [arrowhead=none]`),
    ),
    ...workflow.edges.map(arrow),
    '}',
    '',
  ].join('\n')
}

export const toMermaid = (workflow: Drawn): string => {
  const nodes = [...workflow.tasks.keys(), ...awaited(workflow)]
  // Some names, such as `end`, are words of Mermaid's own.
  const ids = new Map(nodes.map((node, index) => [node, `n${index}`]))
  const shape = (node: string) => (workflow.tasks.has(node) ? `(${quoted(node)})` : `[[${quoted(node)}]]`)
  const members = nearest(workflow)
  const cluster = (family: string, indent: string): readonly string[] => {
    const inner = [
      ...children(workflow, family).flatMap((child) => cluster(child, `${indent}  `)),
      ...(members.get(family) ?? []).map((task) => `${indent}  ${ids.get(task)}`),
    ]
    return inner.length === 0 ? [] : [`${indent}subgraph ${quoted(family)}`, ...inner, `${indent}end`]
  }
  const arrow = (edge: GraphEdge): string => {
    const label = labelOf(edge)
    const line = edge.alternative || edge.offset !== undefined ? '-.->' : '-->'
    return `  ${ids.get(edge.from)} ${line}${label === '' ? '' : `|${quoted(label)}|`} ${ids.get(edge.to)}`
  }
  return [
    'flowchart LR',
    ...nodes.map((node) => `  ${ids.get(node)}${shape(node)}`),
    ...children(workflow, undefined).flatMap((family) => cluster(family, '  ')),
    ...awaited(workflow).flatMap((family) =>
      membersOf(workflow, family).map((task) => `  ${ids.get(task)} --- ${ids.get(family)}`),
    ),
    ...workflow.edges.map(arrow),
    '',
  ].join('\n')
}
