/** Runs one of the commands that the site lists, with arguments that its patterns allow, as the account that asks. */
import { allowed, definePlugin, refused } from 'seneschal/plugin'

/** A pattern is about the whole word: what merely contains something harmless is not harmless. */
const fits = (pattern: string, word: string): boolean => new RegExp(`^(?:${pattern})$`, 'u').test(word)

export default definePlugin({
  version: '1.0.0',
  help: `Run a command that the site lists, as the account.

Each command takes the arguments that the site's patterns allow, no others, and gets them exactly as they are: no shell
looks at them. What it prints is the job's log.`,
  arguments: {
    type: 'object',
    properties: {
      command: { type: 'string', maxLength: 64, description: 'name of the command, as the site lists it' },
      words: {
        type: 'array',
        items: { type: 'string', maxLength: 1000 },
        maxItems: 50,
        default: [],
        description: 'its arguments',
      },
    },
    required: ['command'],
  },
  positional: ['command', 'words'],
  audit: { command: 'keep', words: 'keep' },
  settings: {
    type: 'object',
    properties: {
      commands: {
        type: 'object',
        description: 'name → what it runs',
        additionalProperties: {
          type: 'object',
          properties: {
            program: { type: 'string', pattern: '^/[^\\0]+$', description: 'absolute path' },
            always: {
              type: 'array',
              items: { type: 'string' },
              default: [],
              description: 'arguments that stand before those that are given',
            },
            arguments: {
              type: 'array',
              items: { type: 'string' },
              default: [],
              description: 'a regular expression for each argument, all of which must be given',
            },
            more: { type: 'string', description: 'a regular expression for any further arguments' },
            timeLimit: { type: 'integer', minimum: 1, maximum: 86400, default: 600, description: 'seconds' },
          },
          required: ['program'],
        },
      },
    },
    required: ['commands'],
  },
  authorize: ({ args: { command, words } }, { commands }) => {
    const found = Object.hasOwn(commands, command) ? commands[command] : undefined
    if (found === undefined)
      return refused(
        `There is no command ${command}: ${Object.keys(commands).join(', ') || 'none is listed'}.`,
      )
    const patterns = found.arguments
    if (words.length < patterns.length) return refused(`${command} takes ${patterns.length} arguments.`)
    for (const [index, word] of words.entries()) {
      const pattern = patterns[index] ?? found.more
      if (pattern === undefined) return refused(`${command} takes ${patterns.length} arguments.`)
      if (!fits(pattern, word)) return refused(`Argument ${index + 1} of ${command} must match ${pattern}.`)
    }
    return allowed
  },
  plan: ({ command, words }, _request, { commands }) => {
    const found = commands[command]
    if (found === undefined) return { kind: 'reject', reason: 'There is no such command.' }
    return {
      kind: 'job',
      argv: [found.program, ...found.always, ...words],
      timeLimitMs: found.timeLimit * 1000,
    }
  },
  examples: [
    {
      args: { command: 'date', words: ['+%Y'] },
      settings: { commands: { date: { program: '/bin/date', arguments: ['\\+%[A-Z]'] } } },
      expect: 'job',
    },
    {
      args: { command: 'date', words: ['+%Y; reboot'] },
      settings: { commands: { date: { program: '/bin/date', arguments: ['\\+%[A-Z]'] } } },
      expect: 'refused',
    },
    {
      args: { command: 'date', words: ['-s', 'tomorrow'] },
      settings: { commands: { date: { program: '/bin/date' } } },
      expect: 'refused',
    },
    { args: { command: 'toString' }, settings: { commands: {} }, expect: 'refused' },
    { args: { words: [] }, settings: { commands: {} }, expect: 'invalid' },
  ],
})
