/** Every action of the catalogue as a command: through the hub, with the same gate, elevation and grants as a button. */
import { type ActionName, actionNames, actionOf, levelOf } from '../../protocol/actions/registry.ts'
import { actionAnswer } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { parseId } from '../../protocol/ids.ts'
import { type Command, type Input, mustHaveWords, text } from '../command.ts'
import { follow } from '../hub/follow.ts'
import { hubClient, hubOption, section } from '../hub/options.ts'
import { keyValues } from '../key-values.ts'

const idShapes = { account: '~ACCOUNT', workflow: '~ACCOUNT/WORKFLOW', task: '~ACCOUNT/WORKFLOW//CYCLE/TASK' }

/** Whoever lacks raised privileges is told by which command to have them. */
const raisedFor = async <T>(name: ActionName, act: () => Promise<T>): Promise<T> => {
  try {
    return await act()
  } catch (thrown) {
    const isLow =
      thrown instanceof SeneschalError &&
      (thrown.code === 'elevation.required' || thrown.code === 'elevation.ended')
    if (!isLow) throw thrown
    throw new SeneschalError(thrown.code, `seneschal raise ${actionOf(name).class}`, { cause: thrown })
  }
}

const send = async (input: Input, name: ActionName, plugin: string | undefined, words: readonly string[]) => {
  const [id = '', ...rest] = words
  const target = parseId(id.startsWith('~') ? id : `~${id}`)
  const definition = actionOf(name)
  if (target === undefined || !definition.on.includes(levelOf(target)))
    throw new SeneschalError(
      'usage',
      `${JSON.stringify(id)} is not what ${name} acts on: ${definition.on.map((level) => `'${idShapes[level]}'`).join(' or ')}.`,
    )
  const { account, ...within } = target
  const args = keyValues(rest)
  const checked = definition.args.safeParse(args)
  if (!checked.success)
    throw new SeneschalError(
      'args.invalid',
      checked.error.issues
        .map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '))
        .join('; '),
    )
  const reason = text(input, 'reason')
  const client = hubClient(input)
  const { body } = await raisedFor(name, () =>
    client.change(
      'POST',
      `/api/accounts/${account}/actions/${name}`,
      {
        ...within,
        ...(plugin === undefined ? {} : { plugin }),
        args,
        ...(reason === undefined ? {} : { reason }),
      },
      actionAnswer,
    ),
  )
  if (body === undefined) throw new SeneschalError('lost.connection')
  if (input.values['no-wait'] !== true) return follow(client, body.request)
  process.stdout.write(`${body.request}\n`)
  return 0
}

const options = {
  reason: { type: 'string', value: 'TEXT', help: 'why; stands in the audit log' },
  'no-wait': { type: 'boolean', help: 'print the request’s id and do not wait for its end' },
  ...hubOption,
} as const

const help = (name: ActionName): string =>
  `As yourself, through the hub: sign in with seneschal login, and raise privileges to ${actionOf(name).class} with seneschal raise. The shell takes an unquoted ~ for a home directory: quote the id, or leave the ~ away.`

const actionCommand = (name: ActionName): Command => {
  const definition = actionOf(name)
  const command: Command = {
    name,
    section,
    summary: definition.effect,
    usage: `${definition.on.map((level) => `'${idShapes[level]}'`).join(' | ')} [KEY=VALUE…]`,
    help: help(name),
    options,
    run: async (input) => {
      mustHaveWords(command, input, 1, 100)
      return send(input, name, undefined, input.words)
    },
  }
  return command
}

/** `submit` is what an account asks for itself, so a person's way has another name. */
export const runCommand: Command = {
  name: 'run',
  section,
  summary: 'Run a plugin once for an account, as yourself.',
  usage: "PLUGIN '~ACCOUNT' [KEY=VALUE…]",
  help: help('submit'),
  options,
  run: async (input) => {
    mustHaveWords(runCommand, input, 2, 100)
    return send(input, 'submit', input.words[0], input.words.slice(1))
  },
}

export const actionCommands: readonly Command[] = [
  ...actionNames.filter((name) => name !== 'submit' && !actionOf(name).apart).map(actionCommand),
  runCommand,
]
