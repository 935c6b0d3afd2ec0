/** A definition's text → what the engine and the permissions need of it, or every fault with file, line and column. */
import { layerFrom } from '../config/site.ts'
import { parseYaml, type Yaml } from '../config/yaml.ts'
import { compile } from '../engine/compile.ts'
import type { CompiledWorkflow, Problem } from '../engine/types.ts'
import { SeneschalError } from '../protocol/errors.ts'
import type { Layer } from '../protocol/permissions.ts'

export type Definition = {
  readonly text: string
  readonly compiled: CompiledWorkflow
  /** Its own `permissions:`. */
  readonly layer: Layer | undefined
  /** What is right and probably not meant, for people, each with its place. */
  readonly warnings: readonly string[]
}

const mostTold = 20

/** A block of text (`graph: |`) begins in the line below its key; within one line only that line is known. */
const placeOf = (yaml: Yaml, text: string, { path, within }: Problem): string => {
  const { line, column } = yaml.locate(path)
  const isBlock = /[|>][-+0-9]*\s*(?:#.*)?$/.test(text.split('\n')[line - 1] ?? '')
  return within === undefined || !isBlock ? `${line}:${column}` : `${line + within.line}:${within.column}`
}

const tell = (yaml: Yaml, text: string, file: string, problem: Problem): string =>
  `${file}:${placeOf(yaml, text, problem)}: ${problem.path.join('.')}: ${problem.message}`

/** `file` is for people; of faults and of warnings so many are told. Throws `workflow.invalid`. */
export const readDefinition = (text: string, file: string, most = mostTold): Definition => {
  try {
    const yaml = parseYaml(text, file)
    const result = compile(yaml.value)
    const tellAll = (problems: readonly Problem[]): readonly string[] => {
      const told = problems.slice(0, most).map((problem) => tell(yaml, text, file, problem))
      const more = problems.length - told.length
      return more > 0 ? [...told, `and ${more} more`] : told
    }
    if (!result.ok) throw new SeneschalError('workflow.invalid', tellAll(result.problems).join('\n'))
    const { permissions } = result.workflow
    const layer = permissions === undefined ? undefined : layerFrom(yaml, file, ['permissions'], permissions)
    return { text, compiled: result.workflow, layer, warnings: tellAll(result.warnings) }
  } catch (thrown) {
    if (thrown instanceof SeneschalError && thrown.code === 'config.invalid')
      throw new SeneschalError('workflow.invalid', thrown.detail, { cause: thrown })
    throw thrown
  }
}

/** As people know the file, below the definitions directory. */
export const definitionFile = (account: string, workflow: string): string =>
  `${account}/${workflow}/workflow.yaml`
