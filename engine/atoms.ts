/** The names in a graph → tasks, families and what is waited for of them. */
import { parseDuration } from './duration.ts'
import type { GraphNode } from './graph-parser.ts'
import { hint } from './nearest.ts'
import type { GraphPlace } from './optional.ts'
import { type FamilyQualifier, familyQualifiers, succeeded, taskQualifiers } from './outputs.ts'
import { offsetFault } from './schedule.ts'
import type { Atom, CompiledFamily, Duration, Schedule } from './types.ts'

export type Names = {
  readonly schedule: Schedule
  readonly tasks: ReadonlySet<string>
  readonly families: ReadonlyMap<string, CompiledFamily>
  readonly report: (at: GraphPlace, message: string) => void
}

export type Resolved =
  | { readonly kind: 'task'; readonly name: string }
  | { readonly kind: 'family'; readonly family: CompiledFamily }

export type Resolver = {
  /** The task or family of that name; reports and gives undefined if there is none. */
  readonly resolve: (node: GraphNode, at: GraphPlace) => Resolved | undefined
  /** What the node waits for, when it is on the left of an arrow. */
  readonly atom: (node: GraphNode, at: GraphPlace) => Atom | undefined
  readonly offsets: ReadonlyMap<string, Duration>
}

export const gateKey = (family: string, qualifier: FamilyQualifier): string => `${family}:${qualifier.label}`

export const createResolver = ({ schedule, tasks, families, report }: Names): Resolver => {
  const offsets = new Map<string, Duration>()

  const resolve: Resolver['resolve'] = (node, at) => {
    if (tasks.has(node.name)) return { kind: 'task', name: node.name }
    const family = families.get(node.name)
    if (family === undefined) {
      report(
        at,
        `There is no task or family "${node.name}".${hint(node.name, [...tasks, ...families.keys()])}`,
      )
      return undefined
    }
    if (family.members.length > 0) return { kind: 'family', family }
    report(at, `The family "${node.name}" has no tasks.`)
    return undefined
  }

  const offsetOf = (written: string, at: GraphPlace): Duration | undefined => {
    const duration = written.startsWith('-') ? parseDuration(written.slice(1)) : undefined
    if (duration === undefined) {
      report(at, `"[${written}]" is not an offset into the past such as [-P1] or [-PT6H].`)
      return undefined
    }
    const earlier = offsets.get(duration.text)
    if (earlier !== undefined) return earlier
    const fault = offsetFault(schedule, duration)
    if (fault !== undefined) report(at, fault)
    offsets.set(duration.text, duration)
    return duration
  }

  const ofTask = (node: GraphNode, at: GraphPlace): Atom | undefined => {
    const qualifier = node.qualifier === undefined ? succeeded : taskQualifiers.get(node.qualifier)
    if (qualifier !== undefined) return { kind: 'task', source: node.name, ...qualifier }
    const word = node.qualifier ?? ''
    report(at, `"${word}" is not an output of a task.${hint(word, taskQualifiers.keys())}`)
    return undefined
  }

  const ofFamily = (node: GraphNode, at: GraphPlace): Atom | undefined => {
    const word = node.qualifier
    if (word === undefined) {
      report(at, `On the left of an arrow, say what of the family: write "${node.name}:succeed-all".`)
      return undefined
    }
    const qualifier = familyQualifiers.get(word)
    if (qualifier !== undefined) {
      return { kind: 'gate', source: gateKey(node.name, qualifier), outputs: 0, label: qualifier.label }
    }
    report(at, `"${word}" is not a trigger of a family.${hint(word, familyQualifiers.keys())}`)
    return undefined
  }

  const atom: Resolver['atom'] = (node, at) => {
    const resolved = resolve(node, at)
    if (resolved === undefined) return undefined
    const found = resolved.kind === 'task' ? ofTask(node, at) : ofFamily(node, at)
    if (node.offset === undefined || found === undefined) return found
    const before = offsetOf(node.offset, at)
    return before === undefined ? undefined : { ...found, before }
  }

  return { resolve, atom, offsets }
}
