/** What a command is: its words, its options, its help. One table of these is the whole command line. */
import { parseArgs } from 'node:util'
import { SeneschalError } from '../protocol/errors.ts'

export type Option = {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly multiple?: boolean
  /** What stands after the name in the help: `FILE`. */
  readonly value?: string
  readonly help: string
}

export type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

export type Input = {
  readonly values: Values
  readonly words: readonly string[]
}

export type Command = {
  /** As typed: `audit verify`. */
  readonly name: string
  readonly summary: string
  /** What follows the name: `ID [--follow]`. */
  readonly usage: string
  /** More than the summary; paragraphs. */
  readonly help?: string
  readonly options?: Readonly<Record<string, Option>>
  /**
   * How many of the words that were typed are this command's own; the rest are handed on as they are, whatever they
   * look like. Without it, all are.
   */
  readonly ownWords?: (args: readonly string[]) => number
  /** Stands under this heading in the overview. */
  readonly section?: string
  /** What it prints is a service's log, or half of a conversation: it does not end because nobody reads. */
  readonly serves?: boolean
  /** Started by the product itself, not by people; left out of the overview. */
  readonly internal?: boolean
  /** Loads what the command needs only then, so that `--help` and the agent stay fast. Resolves to the exit code. */
  readonly run: (input: Input) => Promise<number>
}

const commonOptions = {
  help: { type: 'boolean', short: 'h', help: 'show this help' },
} as const satisfies Record<string, Option>

/** The words and options of a command line, or a `usage` error that says what is wrong. */
export const parseInput = (command: Command, args: readonly string[]): Input => {
  const options = { ...commonOptions, ...command.options }
  const own = command.ownWords?.(args) ?? args.length
  try {
    const { values, positionals } = parseArgs({
      args: args.slice(0, own),
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(options).map(([name, option]: [string, Option]) => [
          name,
          {
            type: option.type,
            ...(option.short === undefined ? {} : { short: option.short }),
            ...(option.multiple === undefined ? {} : { multiple: option.multiple }),
          },
        ]),
      ),
    })
    return { values: values as Values, words: [...positionals, ...args.slice(own)] }
  } catch (thrown) {
    throw new SeneschalError('usage', `${(thrown as Error).message} See: seneschal ${command.name} --help`)
  }
}

/** The value of a string option, or undefined. */
export const text = (input: Input, name: string): string | undefined => {
  const value = input.values[name]
  return typeof value === 'string' ? value : undefined
}

export const texts = (input: Input, name: string): readonly string[] => {
  const value = input.values[name]
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
}

/** The only thing to complain about when words are too few or too many. */
export const mustHaveWords = (command: Command, input: Input, least: number, most: number): void => {
  if (input.words.length < least || input.words.length > most)
    throw new SeneschalError('usage', `Usage: seneschal ${command.name} ${command.usage}`)
}

const wrap = (paragraph: string, width: number): string => {
  const lines: string[] = []
  for (const word of paragraph.trim().split(/\s+/)) {
    const last = lines.at(-1)
    if (last === undefined || last.length + word.length + 1 > width) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines.join('\n')
}

export const helpOf = (command: Command): string => {
  const rows = Object.entries({ ...command.options, ...commonOptions }).map(
    ([name, option]: [string, Option]) =>
      [
        `  ${option.short === undefined ? '    ' : `-${option.short}, `}--${name}${option.value === undefined ? '' : ` ${option.value}`}`,
        option.help,
      ] as const,
  )
  const width = Math.max(...rows.map(([left]) => left.length)) + 2
  return [
    `seneschal ${command.name} ${command.usage}`.trimEnd(),
    '',
    wrap(command.summary, 96),
    ...(command.help === undefined
      ? []
      : [
          '',
          ...command.help
            .split('\n\n')
            .flatMap((part, index) => [...(index === 0 ? [] : ['']), wrap(part, 96)]),
        ]),
    '',
    'Options:',
    ...rows.map(([left, right]) => left.padEnd(width) + right),
    '',
  ].join('\n')
}

export const overview = (commands: readonly Command[], version: string): string => {
  const shown = commands.filter((command) => command.internal !== true)
  const width = Math.max(...shown.map((command) => command.name.length)) + 2
  const sections = [...new Set(shown.map(({ section }) => section))]
  const line = ({ name, summary }: Command) => `  ${name.padEnd(width)}${summary}`
  return [
    `seneschal ${version}: a restricted control interface between people and a protected environment`,
    '',
    'Usage: seneschal COMMAND [OPTIONS]',
    '',
    ...sections.flatMap((section) => [
      ...(section === undefined ? [] : [`${section}:`]),
      ...shown.filter((command) => command.section === section).map(line),
      '',
    ]),
    'Every command has --help. Errors say a code; docs/reference/errors.md explains each.',
    '',
  ].join('\n')
}
