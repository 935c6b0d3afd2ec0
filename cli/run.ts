/** From words to a command; every failure is one line with its code, and the exit code says so too. */
import { z } from 'zod/mini'
import { asSeneschalError, SeneschalError } from '../protocol/errors.ts'
import { version } from '../protocol/version.ts'
import { type Command, helpOf, overview, parseInput } from './command.ts'

/** As sysexits.h has them: usage, data (configuration), refused, all else. */
const exitCodes: Readonly<Record<string, number>> = { usage: 64, 'config.invalid': 78, 'agent.refused': 77 }

/** What the system refused is no fault of ours: it is told with the path. */
const asFailure = (thrown: unknown): SeneschalError => {
  if (thrown instanceof SeneschalError) return thrown
  if (thrown instanceof Error && 'syscall' in thrown && 'code' in thrown) {
    const path = 'path' in thrown ? `${String(thrown.path)}: ` : ''
    return new SeneschalError('file.unavailable', `${path}${String(thrown.code)}`, { cause: thrown })
  }
  return asSeneschalError(thrown)
}

const find = (
  commands: readonly Command[],
  args: readonly string[],
): { command: Command; rest: readonly string[] } => {
  const byLength = [...commands].sort((a, b) => b.name.length - a.name.length)
  for (const command of byLength) {
    const words = command.name.split(' ')
    if (words.every((word, index) => args[index] === word)) return { command, rest: args.slice(words.length) }
  }
  const typed = args
    .filter((word) => !word.startsWith('-'))
    .slice(0, 2)
    .join(' ')
  throw new SeneschalError('usage', `There is no command ${JSON.stringify(typed)}. See: seneschal --help`)
}

/** Whoever reads our output has seen enough: `… | head`. */
const leaveWithTheReader = (): void => {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}

export const runCommandLine = async (
  commands: readonly Command[],
  args: readonly string[],
): Promise<number> => {
  z.config(z.locales.en())
  const first = args[0]
  if (
    first === undefined ||
    first === '--help' ||
    first === '-h' ||
    (first === 'help' && args.length === 1)
  ) {
    process.stdout.write(overview(commands, version))
    return first === undefined ? 64 : 0
  }
  if (first === '--version' || first === 'version') {
    process.stdout.write(`${version}\n`)
    return 0
  }
  try {
    const { command, rest } = find(commands, args)
    const own = rest.slice(0, command.ownWords?.(rest))
    if (own.includes('--help') || own.includes('-h')) {
      process.stdout.write(helpOf(command))
      return 0
    }
    if (command.serves !== true) leaveWithTheReader()
    return await command.run(parseInput(command, rest))
  } catch (thrown) {
    const error = asFailure(thrown)
    process.stderr.write(`seneschal: ${error.message} [${error.code}]\n`)
    if (error.code === 'internal' || process.env.SENESCHAL_DEBUG !== undefined)
      process.stderr.write(
        process.env.SENESCHAL_DEBUG === undefined
          ? 'With SENESCHAL_DEBUG=1 it says where.\n'
          : `${thrown instanceof Error ? thrown.stack : String(thrown)}\n`,
      )
    return exitCodes[error.code] ?? 1
  }
}
