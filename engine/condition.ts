/** Conditions as trees of atoms: taking them apart, naming them, judging them. */
import type { Atom, ConditionNode } from './types.ts'

export const keyOfAtom = (atom: Atom): string => `${atom.source}[${atom.before?.text ?? ''}]${atom.outputs}`

/** Equal for conditions written alike. */
export const keyOfNode = (node: ConditionNode): string =>
  node.op === 'atom' ? keyOfAtom(node.atom) : `${node.op}(${node.of.map(keyOfNode).join()})`

/** Every atom once. */
export const atomsOf = (node: ConditionNode): readonly Atom[] => {
  const found = new Map<string, Atom>()
  const visit = (part: ConditionNode): void => {
    if (part.op === 'atom') found.set(keyOfAtom(part.atom), part.atom)
    else part.of.forEach(visit)
  }
  visit(node)
  return [...found.values()]
}

/** `a & (b | c)` → `a` and `b | c`: what must all hold, each on its own. */
export const conjuncts = (node: ConditionNode): readonly ConditionNode[] =>
  node.op === 'all' ? node.of.flatMap(conjuncts) : [node]

export const holds = (node: ConditionNode, satisfied: (atom: Atom) => boolean): boolean => {
  if (node.op === 'atom') return satisfied(node.atom)
  return node.op === 'all'
    ? node.of.every((part) => holds(part, satisfied))
    : node.of.some((part) => holds(part, satisfied))
}
