/** Definition (a plain value, as YAML gives it) → the compiled workflow, or everything that is wrong with it. */
import { environmentLimit, sizeOfEnvironment } from '../protocol/jobs.ts'
import { DEFAULT_QUEUE, DEFAULT_RUNNER } from './defaults.ts'
import { type Definition, parseDefinition } from './definition.ts'
import { parseDelay } from './duration.ts'
import { expandChain, expandDefinition } from './expand.ts'
import { compileFamilies, type FamilyTree } from './families.ts'
import { type GraphFault, parseGraph } from './graph-parser.ts'
import { findLoops } from './loops.ts'
import { hint } from './nearest.ts'
import type { GraphPlace } from './optional.ts'
import type { Parameters } from './parameters.ts'
import { buildPlan, type PlacedChain } from './plan.ts'
import { compileSchedule } from './schedule.ts'
import type { CompiledTask, CompileResult, Problem, ProblemPath, TaskPlan } from './types.ts'

const placed = ({ graph, line, column }: GraphPlace, message: string): Problem => ({
  path: graph === undefined ? ['graph'] : ['graph', graph],
  message,
  within: { line, column },
})

/** A middle link of a chain is read twice, as a target and as a source: its faults count once. */
const distinct = (problems: readonly Problem[]): readonly Problem[] => [
  ...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values(),
]

const compileTask = (name: string, tree: FamilyTree, plan: TaskPlan): CompiledTask => {
  const settings = tree.settings(name)
  const environment = Object.entries(settings.environment ?? {}).map(([key, value]) => [key, String(value)])
  const timeLimitMs = settings.timeLimit === undefined ? undefined : parseDelay(settings.timeLimit)
  const expectedRunMs =
    settings.expectedRunTime === undefined ? undefined : parseDelay(settings.expectedRunTime)
  return {
    name,
    ...(settings.title === undefined ? {} : { title: settings.title }),
    families: tree.of(name),
    job: {
      script: settings.script ?? '',
      runner: settings.runner ?? DEFAULT_RUNNER,
      environment: Object.fromEntries(environment),
      ...(timeLimitMs === undefined ? {} : { timeLimitMs }),
    },
    retries: {
      count: settings.retries?.count ?? 0,
      delayMs: parseDelay(settings.retries?.delay ?? 'PT0S') ?? 0,
    },
    ...(expectedRunMs === undefined ? {} : { expectedRunMs }),
    queue: settings.queue ?? DEFAULT_QUEUE,
    plan,
  }
}

const readGraph = (
  graph: Definition['graph'],
  parameters: Parameters,
  problems: Problem[],
): readonly PlacedChain[] => {
  const texts =
    typeof graph === 'string' ? [{ text: graph }] : graph.map((text, number) => ({ text, number }))
  return texts.flatMap(({ text, ...rest }) => {
    const number = 'number' in rest ? rest.number : undefined
    const { chains, faults } = parseGraph(text)
    const tell = ({ at, message }: GraphFault) => problems.push(placed({ ...at, graph: number }, message))
    for (const fault of faults) tell(fault)
    return chains
      .flatMap((chain) => expandChain(chain, parameters, tell))
      .map((chain) => ({ chain, graph: number }))
  })
}

const unknownQueues = (definition: Definition): readonly Problem[] => {
  const queues = new Set([DEFAULT_QUEUE, ...Object.keys(definition.queues ?? {})])
  const users = [
    ...Object.entries(definition.tasks).map(([name, task]) => ['tasks', name, task?.queue] as const),
    ...Object.entries(definition.families ?? {}).map(
      ([name, family]) => ['families', name, family?.queue] as const,
    ),
  ]
  return users.flatMap(([kind, name, queue]) => {
    if (queue === undefined || queues.has(queue)) return []
    const path: ProblemPath = [kind, name, 'queue']
    return [{ path, message: `There is no queue "${queue}".${hint(queue, queues)}` }]
  })
}

/**
 * Everything wrong is reported at once, as far as one fault does not hide the next. Tasks that the graph
 * never names are warnings: they will not run.
 */
export const compile = (value: unknown): CompileResult => {
  const { value: plain, parameters, problems, written } = expandDefinition(value)
  if (problems.length > 0) return { ok: false, problems }
  const compiled = compilePlain(plain, parameters)
  // Told where it was written, and once, however many tasks a name stands for.
  const asWritten = (found: readonly Problem[]) =>
    oncePerPlace(
      found.map((problem) => ({ ...problem, path: written(problem.path) })),
      parameters,
    )
  return compiled.ok
    ? { ...compiled, warnings: asWritten(compiled.warnings) }
    : { ok: false, problems: asWritten(compiled.problems) }
}

const oncePerPlace = (problems: readonly Problem[], parameters: Parameters): readonly Problem[] => {
  if (parameters.size === 0) return problems
  const first = new Map<string, Problem>()
  for (const problem of problems) {
    const place = JSON.stringify([problem.path, problem.within])
    if (!first.has(place)) first.set(place, problem)
  }
  return [...first.values()]
}

const compilePlain = (value: unknown, parameters: Parameters): CompileResult => {
  const parsed = parseDefinition(value)
  if (!parsed.ok) return parsed
  const { definition } = parsed

  const problems: Problem[] = []
  const { schedule, problems: inSchedule } = compileSchedule(definition.schedule ?? {})
  const tree = compileFamilies(definition)
  const chains = readGraph(definition.graph, parameters, problems)
  problems.push(...inSchedule, ...tree.problems, ...unknownQueues(definition))
  // Offsets are judged against the schedule, members against the families: with those wrong, nothing is to be learnt.
  if (problems.length > 0) return { ok: false, problems }

  const report = (at: GraphPlace, message: string): void => {
    problems.push(placed(at, message))
  }
  const tasks = new Set(Object.keys(definition.tasks))
  const plan = buildPlan({ schedule, tasks, families: tree.families, report }, chains)
  for (const loop of findLoops(plan.links)) {
    const [first] = loop
    if (first === undefined) continue
    const names = [first.from, ...loop.map((link) => link.to)]
    report(first.at, `These wait for each other and could never run: ${names.join(' => ')}.`)
  }
  if (chains.length === 0) problems.push({ path: ['graph'], message: 'The graph is empty.' })
  if (problems.length > 0) return { ok: false, problems: distinct(problems) }

  const compiled = new Map<string, CompiledTask>()
  for (const [name, taskPlan] of plan.plans) compiled.set(name, compileTask(name, tree, taskPlan))

  for (const { name, job } of compiled.values())
    if (sizeOfEnvironment(job.environment) > environmentLimit)
      problems.push({
        path: ['tasks', name],
        message: `Its environment, with that of its families, is larger than ${environmentLimit} characters.`,
      })
  if (problems.length > 0) return { ok: false, problems }

  const warnings = [...tasks]
    .filter((name) => !plan.used.has(name))
    .map((name) => ({
      path: ['tasks', name],
      message: `The graph does not name "${name}", so it never runs.`,
    }))

  const { meta } = definition
  return {
    ok: true,
    workflow: {
      meta: { ...meta, priority: meta?.priority ?? 'normal' },
      schedule,
      tasks: compiled,
      families: tree.families,
      queues: new Map([
        [DEFAULT_QUEUE, 0],
        ...Object.entries(definition.queues ?? {}).map(([name, { limit }]) => [name, limit] as const),
      ]),
      edges: plan.edges,
      roots: plan.roots,
      gates: plan.gates,
      permissions: definition.permissions,
    },
    warnings,
  }
}
