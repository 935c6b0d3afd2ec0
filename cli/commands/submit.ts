/** `seneschal submit`: a request of this account itself, without a person, by writing a file. */
import { randomUUIDv7 } from 'node:crypto'
import { actions, isActionName, levelOf } from '../../protocol/actions/registry.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { parseId } from '../../protocol/ids.ts'
import { type Command, type Input, text } from '../command.ts'
import { keyValues } from '../key-values.ts'
import { pluginArguments } from '../plugin-arguments.ts'
import { mustFindPlugin } from '../plugin-catalogue.ts'
import { requestDirectories, siteDirectory, siteOption } from '../site-directory.ts'

/** Whatever follows the plugin's name is the plugin's, whatever it looks like. */
const ownWords = (args: readonly string[]): number => {
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] ?? ''
    if (word === '--action' || word.startsWith('--action=')) return args.length
    if (word === '--on' || word === '--site') at += 1
    else if (!word.startsWith('-')) return at + 1
  }
  return args.length
}

const askOf = async (input: Input) => {
  const action = text(input, 'action') ?? 'submit'
  if (!isActionName(action))
    throw new SeneschalError(
      'action.unknown',
      `${JSON.stringify(action)}; there are: ${Object.keys(actions).join(', ')}.`,
    )
  const id = text(input, 'on')
  const target = id === undefined ? undefined : parseId(id)
  if (id !== undefined && target === undefined)
    throw new SeneschalError(
      'usage',
      `${JSON.stringify(id)} is not an id such as ~account/workflow//cycle/task.`,
    )
  const plugin = action === 'submit' ? input.words[0] : undefined
  const rest = action === 'submit' ? input.words.slice(1) : input.words
  if (action === 'submit' && plugin === undefined)
    throw new SeneschalError('usage', 'Name the plugin, or an --action.')
  const definition = actions[action]
  if (action !== 'submit') {
    if (target === undefined) throw new SeneschalError('usage', `${action} needs --on ID.`)
    if (!definition.on.includes(levelOf(target) as never))
      throw new SeneschalError('usage', `${action} acts on: ${definition.on.join(', ')}.`)
  }
  const args =
    plugin === undefined
      ? keyValues(rest)
      : pluginArguments(await mustFindPlugin(siteDirectory(input), plugin), rest)
  const checked = definition.args.safeParse(args)
  if (!checked.success)
    throw new SeneschalError('args.invalid', checked.error.issues.map((issue) => issue.message).join(' '))
  return { action, ...target, ...(plugin === undefined ? {} : { plugin }), args }
}

export const submitCommand: Command = {
  name: 'submit',
  summary: 'Ask the daemon for something as this account, and print the request’s id.',
  usage: 'PLUGIN [ARGUMENT…] | --action NAME --on ID [KEY=VALUE…]',
  help: `The request is a file in the inbox; it carries no person, only the Unix account that wrote it. People act
    through the hub. Example: seneschal submit --action hold --on '~atmosphere_stage/clouds//20261122T0600Z/climb' (the quotes keep the shell from taking the ~ for a home directory)

    A plugin's arguments follow its name, as --name VALUE or in the order that seneschal help PLUGIN shows; they are
    checked before anything is written. Options of this command stand before it.`,
  ownWords,
  options: {
    action: { type: 'string', value: 'NAME', help: 'what to do (default: submit, that is, run PLUGIN once)' },
    on: { type: 'string', value: 'ID', help: 'what it is about: ~account[/workflow[//cycle[/task]]]' },
    ...siteOption,
  },
  run: async (input) => {
    const ask = await askOf(input)
    const { temp, inbox } = requestDirectories(siteDirectory(input))
    const { putRequest } = await import('../../durable/inbox.ts')
    const id = randomUUIDv7()
    await putRequest({ temp, inbox, id, body: { version: 1, id, ...ask } })
    process.stdout.write(`${id}\n`)
    return 0
  },
}
