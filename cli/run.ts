/** From words to a command; every failure is one line with its code, and the exit code says so too. */
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'
import { version } from '../protocol/version.ts'
import { type Command, helpOf, overview, parseInput } from './command.ts'

/** As sysexits.h has them: usage, data (configuration), refused, all else. */
const exitCodes: Readonly<Record<string, number>> = { usage: 64, 'config.invalid': 78, 'agent.refused': 77 }

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
    return await command.run(parseInput(command, rest))
  } catch (thrown) {
    if (!(thrown instanceof SeneschalError)) throw thrown
    process.stderr.write(`seneschal: ${thrown.message} [${thrown.code}]\n`)
    return exitCodes[thrown.code] ?? 1
  }
}
