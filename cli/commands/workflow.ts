/** `seneschal workflow validate` and `graph`: for those who write workflows, with nothing but the file. */
import { SeneschalError } from '../../protocol/errors.ts'
import { type Command, mustHaveWords, text } from '../command.ts'

/** All of them: the pages show the first few. */
const mostTold = 10_000

const read = async (given: string): Promise<{ readonly file: string; readonly text: string }> => {
  const { readFile, stat } = await import('node:fs/promises')
  const { join } = await import('node:path')
  if (given === '-') {
    const { text: readAll } = await import('node:stream/consumers')
    return { file: '-', text: await readAll(process.stdin) }
  }
  try {
    const file = (await stat(given)).isDirectory() ? join(given, 'workflow.yaml') : given
    return { file, text: await readFile(file, 'utf8') }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new SeneschalError('usage', `${given} cannot be read: ${code}.`, { cause })
  }
}

const files = `FILE may be a directory, whose workflow.yaml is meant, or - for standard input.`

export const workflowValidateCommand: Command = {
  name: 'workflow validate',
  summary: 'Read definitions as the daemon would, and say what is wrong with them.',
  usage: 'FILE…',
  help: `One line for each fault, with file, line and column; what is right but probably not meant is a warning. ${files}
    Exit 0 where all may be installed.`,
  run: async (input) => {
    mustHaveWords(workflowValidateCommand, input, 1, 10_000)
    const { readDefinition } = await import('../../daemon/definition.ts')
    let isSound = true
    for (const given of input.words) {
      const { file, text: content } = await read(given)
      try {
        const { compiled, warnings } = readDefinition(content, file, mostTold)
        for (const warning of warnings) process.stdout.write(`${warning} (warning)\n`)
        const { tasks, families } = compiled
        process.stdout.write(`${file}: ok, tasks: ${tasks.size}, families: ${families.size}\n`)
      } catch (error) {
        if (!(error instanceof SeneschalError) || error.code !== 'workflow.invalid') throw error
        isSound = false
        process.stdout.write(`${error.detail}\n`)
      }
    }
    return isSound ? 0 : 1
  },
}

export const workflowGraphCommand: Command = {
  name: 'workflow graph',
  summary: 'Print the graph of a definition, to be drawn.',
  usage: 'FILE [--format dot|mermaid]',
  help: `DOT is what Graphviz reads (dot -Tsvg), Mermaid what wikis and code hosts show. Dashed arrows are alternatives, dotted
    ones come from an earlier cycle. ${files}`,
  options: {
    format: { type: 'string', value: 'dot|mermaid', help: 'default dot' },
  },
  run: async (input) => {
    mustHaveWords(workflowGraphCommand, input, 1, 1)
    const format = text(input, 'format') ?? 'dot'
    if (format !== 'dot' && format !== 'mermaid')
      throw new SeneschalError('usage', 'Say --format dot or --format mermaid.')
    const { basename, dirname, resolve } = await import('node:path')
    const { readDefinition } = await import('../../daemon/definition.ts')
    const { toDot, toMermaid } = await import('../../engine/graph-text.ts')
    const { file, text: content } = await read(input.words[0] ?? '')
    const { compiled } = readDefinition(content, file, mostTold)
    const name = file === '-' ? 'workflow' : basename(dirname(resolve(file)))
    process.stdout.write(format === 'dot' ? toDot(compiled, name) : toMermaid(compiled))
    return 0
  },
}
