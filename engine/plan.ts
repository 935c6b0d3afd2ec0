/**
 * Parsed graph → what each task waits for and whom each output wakes. A family trigger becomes a *gate*
 * between the N members and the M dependants, so that N + M edges are stored, not N × M.
 */
import { createResolver, type Names } from './atoms.ts'
import { atomsOf, conjuncts, keyOfAtom, keyOfNode } from './condition.ts'
import type { GraphChain, GraphExpression, GraphNode } from './graph-parser.ts'
import { createOptionality, type GraphPlace } from './optional.ts'
import { familyQualifiers, OUTPUT_BITS, succeeded, taskQualifiers } from './outputs.ts'
import type { Atom, ChildEdge, Condition, ConditionNode, Gate, GraphEdge, Roots, TaskPlan } from './types.ts'

/** A dependency within one cycle; `from` and `to` are tasks or gates. */
export type Link = { readonly from: string; readonly to: string; readonly at: GraphPlace }

export type Plan = {
  readonly plans: ReadonlyMap<string, TaskPlan>
  readonly gates: ReadonlyMap<string, Gate>
  readonly edges: readonly GraphEdge[]
  readonly roots: Roots
  readonly links: readonly Link[]
  /** Tasks that the graph names. */
  readonly used: ReadonlySet<string>
}

/** A chain and the number of its text, if the graph is a list. */
export type PlacedChain = { readonly chain: GraphChain; readonly graph: number | undefined }

type TaskDraft = {
  readonly conditions: Map<string, Condition>
  readonly children: ChildEdge[][]
  readonly gates: string[]
}
type GateDraft = Omit<Gate, 'children'> & { readonly children: ChildEdge[] }

const nodesOf = (expression: GraphExpression): readonly GraphNode[] =>
  expression.op === 'node' ? [expression] : expression.of.flatMap(nodesOf)

const hasAny = (expression: GraphExpression): boolean =>
  expression.op === 'any' || (expression.op === 'all' && expression.of.some(hasAny))

const writtenAs = (node: GraphNode): string =>
  `${node.name}${node.offset === undefined ? '' : `[${node.offset}]`}` +
  `${node.qualifier === undefined ? '' : `:${node.qualifier}`}${node.optional ? '?' : ''}`

export const buildPlan = (names: Names, chains: readonly PlacedChain[]): Plan => {
  const { families, report } = names
  const resolver = createResolver(names)
  const optionality = createOptionality(report)
  const drafts = new Map<string, TaskDraft>()
  for (const name of names.tasks) {
    const children = Array.from({ length: OUTPUT_BITS }, () => [])
    drafts.set(name, { conditions: new Map(), children, gates: [] })
  }
  const gates = new Map<string, GateDraft>()
  const edges = new Map<string, GraphEdge>()
  const links: Link[] = []
  const used = new Set<string>()

  /** The gate an atom stands for, made when it is first used. */
  const openGate = (atom: Atom, node: GraphNode, at: GraphPlace): void => {
    const qualifier = familyQualifiers.get(node.qualifier ?? '')
    const members = families.get(node.name)?.members
    if (gates.has(atom.source) || qualifier === undefined || members === undefined) return
    const { outputs, label, all } = qualifier
    const needed = all ? members.length : 1
    gates.set(atom.source, {
      key: atom.source,
      family: node.name,
      label,
      members,
      outputs,
      needed,
      children: [],
    })
    for (const member of members) {
      drafts.get(member)?.gates.push(atom.source)
      links.push({ from: member, to: atom.source, at })
    }
  }

  const toCondition = (expression: GraphExpression, graph: number | undefined): ConditionNode | undefined => {
    if (expression.op === 'node') {
      const at = { ...expression.at, graph }
      const atom = resolver.atom(expression, at)
      if (atom === undefined) return undefined
      if (atom.kind === 'gate') openGate(atom, expression, at)
      return { op: 'atom', atom }
    }
    const parts = expression.of.map((part) => toCondition(part, graph))
    const of = parts.filter((part) => part !== undefined)
    return of.length === parts.length ? { op: expression.op, of } : undefined
  }

  const connect = (
    atom: Atom,
    child: string,
    condition: number,
    alternative: boolean,
    at: GraphPlace,
  ): void => {
    const after = atom.before
    const edge = { child, condition, outputs: atom.outputs, ...(after === undefined ? {} : { after }) }
    const gate = gates.get(atom.source)
    if (atom.kind === 'gate') gate?.children.push(edge)
    else
      drafts.get(atom.source)?.children.forEach((ofBit, bit) => {
        if ((atom.outputs & (1 << bit)) !== 0) ofBit.push(edge)
      })
    if (after === undefined) links.push({ from: atom.source, to: child, at })
    edges.set(`${child} ${keyOfAtom(atom)}`, {
      from: gate?.family ?? atom.source,
      to: child,
      output: atom.label,
      ...(after === undefined ? {} : { offset: `-${after.text}` }),
      alternative,
    })
  }

  const depend = (child: string, on: ConditionNode, at: GraphPlace): void => {
    const conditions = drafts.get(child)?.conditions
    if (conditions === undefined) return
    for (const node of conjuncts(on)) {
      const key = keyOfNode(node)
      if (conditions.has(key)) continue
      const index = conditions.size
      const atoms = atomsOf(node)
      const { op } = node
      conditions.set(
        key,
        op === 'atom' ? { kind: 'atom', atom: node.atom } : { kind: 'tree', root: node, atoms },
      )
      for (const atom of atoms) connect(atom, child, index, op !== 'atom', at)
    }
  }

  /** The tasks on the right of an arrow, or alone on a line. */
  const targets = (expression: GraphExpression, graph: number | undefined): readonly string[] => {
    if (hasAny(expression)) {
      report({ ...expression.at, graph }, '"|" has a meaning on the left of an arrow only.')
      return []
    }
    return nodesOf(expression).flatMap((node) => {
      const at = { ...node.at, graph }
      if (node.offset !== undefined) {
        report(at, 'An offset has a meaning on the left of an arrow only.')
        return []
      }
      const resolved = resolver.resolve(node, at)
      if (resolved === undefined) return []
      return resolved.kind === 'task' ? [resolved.name] : resolved.family.members
    })
  }

  /** Notes what the node says about required outputs, wherever it stands. */
  const markOutputs = (node: GraphNode, graph: number | undefined): void => {
    const isTask = names.tasks.has(node.name)
    const qualifiers = isTask ? taskQualifiers : familyQualifiers
    const outputs = (node.qualifier === undefined ? succeeded : qualifiers.get(node.qualifier))?.outputs
    if (outputs === undefined) return
    const at = { ...node.at, graph }
    const said = {
      outputs,
      optional: node.optional,
      byFamily: !isTask,
      subject: node.name,
      written: writtenAs(node),
      at,
    }
    for (const task of isTask ? [node.name] : (families.get(node.name)?.members ?? [])) {
      optionality.mark(task, said)
      used.add(task)
    }
  }

  for (const { chain, graph } of chains) {
    for (const expression of chain) for (const node of nodesOf(expression)) markOutputs(node, graph)
    chain.forEach((expression, index) => {
      const left = chain[index - 1]
      if (left === undefined) {
        if (chain.length === 1) targets(expression, graph)
        return
      }
      const on = toCondition(left, graph)
      const children = targets(expression, graph)
      if (on !== undefined) for (const child of children) depend(child, on, { ...left.at, graph })
    })
  }

  const plans = new Map<string, TaskPlan>()
  const always: string[] = []
  const early: string[] = []
  for (const [name, draft] of drafts) {
    const conditions = [...draft.conditions.values()]
    const completion = optionality.completion(name)
    plans.set(name, { conditions, children: draft.children, gates: draft.gates, completion })
    if (!used.has(name)) continue
    if (conditions.length === 0) always.push(name)
    else if (conditions.every(isEarlier)) early.push(name)
  }
  const roots = { always, early, offsets: [...resolver.offsets.values()] }
  return { plans, gates, edges: [...edges.values()], roots, links, used }
}

const isEarlier = (condition: Condition): boolean =>
  condition.kind === 'atom'
    ? condition.atom.before !== undefined
    : condition.atoms.every((atom) => atom.before !== undefined)
