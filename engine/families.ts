/** Families: who inherits from whom, which tasks are members, which settings they pass on. */
import type { Definition, Settings } from './definition.ts'
import { hint } from './nearest.ts'
import type { CompiledFamily, Problem } from './types.ts'

/** A family of this name passes its settings on to every task. */
const ROOT = 'root'

export type FamilyTree = {
  readonly families: ReadonlyMap<string, CompiledFamily>
  /** Families of a task, from the nearest to the farthest. */
  readonly of: (task: string) => readonly string[]
  /** The task's own settings over those of its families; environments are merged. */
  readonly settings: (task: string) => Settings
  readonly problems: readonly Problem[]
}

export const compileFamilies = (definition: Definition): FamilyTree => {
  const given = new Map(Object.entries(definition.families ?? {}))
  const tasks = new Map(Object.entries(definition.tasks))
  const problems: Problem[] = []

  const unknown = (path: Problem['path'], name: string): void => {
    problems.push({ path, message: `There is no family "${name}".${hint(name, given.keys())}` })
  }

  const lineage = (first: string | undefined): readonly string[] => {
    const found: string[] = []
    for (let name = first; name !== undefined && given.has(name); name = given.get(name)?.inherits) {
      if (found.includes(name)) break
      found.push(name)
    }
    if (given.has(ROOT) && !found.includes(ROOT)) found.push(ROOT)
    return found
  }

  for (const [name, family] of given) {
    const path = ['families', name]
    if (tasks.has(name)) problems.push({ path, message: `"${name}" is the name of a task too.` })
    const parent = family?.inherits
    if (parent === undefined) continue
    if (!given.has(parent)) unknown([...path, 'inherits'], parent)
    else if (lineage(parent).includes(name) && name !== ROOT) {
      problems.push({ path: [...path, 'inherits'], message: `The family "${name}" inherits from itself.` })
    }
  }
  for (const [name, task] of tasks) {
    if (task?.family !== undefined && !given.has(task.family)) unknown(['tasks', name, 'family'], task.family)
  }

  const lineages = new Map([...tasks].map(([name, task]) => [name, lineage(task?.family)]))
  const members = new Map<string, string[]>([...given.keys()].map((name) => [name, []]))
  for (const [task, families] of lineages) for (const family of families) members.get(family)?.push(task)

  const families = new Map<string, CompiledFamily>()
  for (const [name, family] of given) {
    families.set(name, {
      name,
      ...(family?.title === undefined ? {} : { title: family.title }),
      ...(family?.inherits === undefined ? {} : { parent: family.inherits }),
      members: members.get(name) ?? [],
    })
  }

  return {
    families,
    of: (task) => lineages.get(task) ?? [],
    settings: (task) => {
      let merged: Settings = {}
      for (const name of [...(lineages.get(task) ?? [])].reverse()) {
        const { title: _, inherits: __, ...passed } = given.get(name) ?? {}
        merged = { ...merged, ...passed, environment: { ...merged.environment, ...passed.environment } }
      }
      const { family: _, ...own } = tasks.get(task) ?? {}
      return { ...merged, ...own, environment: { ...merged.environment, ...own.environment } }
    },
    problems,
  }
}
