/** `seneschal permissions`: who may do what in an account or a workflow, as its owner: seen, tried out, changed, brought back. */
import { readFile } from 'node:fs/promises'
import { text as whole } from 'node:stream/consumers'
import { actionAnswer } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { formatId, parseId } from '../../protocol/ids.ts'
import {
  type LayerBody,
  type LayerChange,
  type LayerPreview,
  layerBody,
  layerPreview,
  layerText,
} from '../../protocol/layers.ts'
import { type Command, type Input, mustHaveWords, text } from '../command.ts'
import { confirmed } from '../confirm.ts'
import type { HubClient } from '../hub/client.ts'
import { follow } from '../hub/follow.ts'
import { hubClient, hubOption, section } from '../hub/options.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const tell = (line: string): void => void process.stderr.write(`${line}\n`)

type Target = { readonly account: string; readonly workflow?: string }

const targetOf = (word = ''): Target => {
  const target = parseId(word.startsWith('~') ? word : `~${word}`)
  if (target === undefined || target.cycle !== undefined || target.task !== undefined)
    throw new SeneschalError('usage', `${JSON.stringify(word)} is neither ~ACCOUNT nor ~ACCOUNT/WORKFLOW.`)
  const { account, workflow } = target
  return workflow === undefined ? { account } : { account, workflow }
}

const pathOf = ({ account }: Target): string => `/api/accounts/${account}/permissions`
const read = (client: HubClient, target: Target): Promise<LayerBody> =>
  client.get(
    `${pathOf(target)}${target.workflow === undefined ? '' : `?workflow=${target.workflow}`}`,
    layerBody,
  )

/** A file, or standard input for `-`. */
const textFrom = async (file = '-'): Promise<string> => {
  try {
    return file === '-' ? await whole(process.stdin) : await readFile(file, 'utf8')
  } catch (cause) {
    throw new SeneschalError('file.unavailable', `${file}: ${(cause as Error).message}`, { cause })
  }
}

/** Where it came from, in words. */
const originOf = ({ origin, person, from }: LayerBody['versions'][number]): string =>
  [
    origin === 'file' ? 'the file' : 'a request',
    ...(person === null ? [] : [origin === 'file' ? `taken up by ${person}` : `by ${person}`]),
    ...(from === null ? [] : [`brings back version ${from}`]),
  ].join(', ')

const placeOf = (account: string, workflow: string | null): string =>
  workflow === null ? `${account} and its workflows without rules of their own` : `${account}/${workflow}`

const lineOf = (account: string, { who, workflow, gains, loses }: LayerChange): string => {
  const parts = [
    ...(gains.length === 0 ? [] : [`gains ${gains.join(', ')}`]),
    ...(loses.length === 0 ? [] : [`loses ${loses.join(', ')}`]),
  ]
  return `${who}  ${parts.length === 0 ? 'keeps what it has' : parts.join('; ')}  in ${placeOf(account, workflow)}`
}

const show = (account: string, { changes, more }: LayerPreview): void => {
  if (changes.length === 0) say('Nobody gains or loses anything.')
  for (const change of changes) say(lineOf(account, change))
  if (more > 0) say(`There may be up to ${more} more.`)
}

const json = { json: { type: 'boolean', help: 'print it as JSON' } } as const
const idUsage = "'~ACCOUNT[/WORKFLOW]'"
const owners = 'For owners of the account and administrators of the site.'
const layout =
  'The text is what stands below "permissions:" in account.yaml or workflow.yaml: classes and actions, each with a list of principals. It takes the place of all that the account or workflow has of its own.'

const showCommand: Command = {
  name: 'permissions show',
  section,
  summary: 'Print the permissions that an account or a workflow has of its own.',
  usage: `${idUsage} [--version N] [--json]`,
  help: `${owners} Auditors may look too. What it prints is what permissions set takes.`,
  options: {
    version: { type: 'string', value: 'N', help: 'an earlier version (default: what is in force)' },
    ...json,
    ...hubOption,
  },
  run: async (input) => {
    mustHaveWords(showCommand, input, 1, 1)
    const target = targetOf(input.words[0])
    const body = await read(hubClient(input), target)
    const wanted = Number(text(input, 'version') ?? body.version)
    const version = body.versions.find((one) => one.version === wanted)
    if (text(input, 'version') !== undefined && version === undefined)
      throw new SeneschalError('permissions.unknown')
    if (input.values.json === true) say(JSON.stringify(version ?? null))
    else if (version?.text == null) tell('It has none of its own.')
    else {
      tell(`Version ${version.version}, ${new Date(version.at).toISOString()}, from ${originOf(version)}.`)
      if (body.file !== null) tell(`The file says otherwise; it counts again once it changes.`)
      process.stdout.write(version.text.endsWith('\n') ? version.text : `${version.text}\n`)
    }
    return 0
  },
}

const historyCommand: Command = {
  name: 'permissions history',
  section,
  summary: 'List the versions of those permissions: when, by whom, from where.',
  usage: `${idUsage} [--json]`,
  help: `${owners} Auditors may look too. The latest stands first, and is in force.`,
  options: { ...json, ...hubOption },
  run: async (input) => {
    mustHaveWords(historyCommand, input, 1, 1)
    const { versions } = await read(hubClient(input), targetOf(input.words[0]))
    if (input.values.json === true) say(JSON.stringify(versions))
    else
      for (const one of versions) say(`${one.version}  ${new Date(one.at).toISOString()}  ${originOf(one)}`)
    return 0
  },
}

const checkCommand: Command = {
  name: 'permissions check',
  section,
  summary: 'Say whether a text of permissions is right, and where it is not. Asks nobody.',
  usage: 'FILE|-',
  help: layout,
  run: async (input) => {
    mustHaveWords(checkCommand, input, 1, 1)
    const [file = '-'] = input.words
    const given = await textFrom(file)
    const plain = layerText.safeParse(given)
    const name = file === '-' ? 'standard input' : file
    if (!plain.success)
      throw new SeneschalError(
        'permissions.invalid',
        `${name}: ${plain.error.issues[0]?.message ?? 'no text'}.`,
      )
    const { parseLayer } = await import('../../config/layer.ts')
    try {
      parseLayer(given, name)
    } catch (thrown) {
      if (thrown instanceof SeneschalError && thrown.code === 'config.invalid')
        throw new SeneschalError('permissions.invalid', thrown.detail, { cause: thrown })
      throw thrown
    }
    say('It is right.')
    return 0
  },
}

type Asked = { readonly text: string } | { readonly restore: number }

const previewOf = async (
  client: HubClient,
  { account, workflow }: Target,
  asked: Asked,
): Promise<LayerPreview> => {
  const body = workflow === undefined ? asked : { workflow, ...asked }
  const { body: told } = await client.change('POST', `${pathOf({ account })}/preview`, body, layerPreview)
  if (told === undefined) throw new SeneschalError('lost.connection')
  return told
}

const previewCommand: Command = {
  name: 'permissions preview',
  section,
  summary: 'Say who would gain and who would lose what by other permissions. Changes nothing.',
  usage: `${idUsage} FILE|- [--json]`,
  help: `${owners} ${layout}`,
  options: { ...json, ...hubOption },
  run: async (input) => {
    mustHaveWords(previewCommand, input, 2, 2)
    const target = targetOf(input.words[0])
    const told = await previewOf(hubClient(input), target, { text: await textFrom(input.words[1]) })
    if (input.values.json === true) say(JSON.stringify(told))
    else show(target.account, told)
    return 0
  },
}

const changing = {
  yes: { type: 'boolean', short: 'y', help: 'do not ask after the preview' },
  reason: { type: 'string', value: 'TEXT', help: 'why; stands in the audit log' },
  ...hubOption,
} as const

/** Shows what would change, asks, and names the version that was compared with: somebody else’s change is not undone. */
const change = async (input: Input, target: Target, asked: Asked, fromStdin: boolean): Promise<number> => {
  const client = hubClient(input)
  const told = await previewOf(client, target, asked)
  show(target.account, told)
  if (input.values.yes !== true) {
    if (fromStdin || !process.stdin.isTTY)
      throw new SeneschalError(
        'usage',
        'Nobody is there to be asked: say --yes once the preview is as meant.',
      )
    if (!(await confirmed(`Change the permissions of ${formatId(target)}?`))) return 1
  }
  const reason = text(input, 'reason')
  const { body } = await client.change(
    'POST',
    `/api/accounts/${target.account}/actions/permissions`,
    {
      ...(target.workflow === undefined ? {} : { workflow: target.workflow }),
      args: { base: told.base, ...asked },
      ...(reason === undefined ? {} : { reason }),
    },
    actionAnswer,
  )
  if (body === undefined) throw new SeneschalError('lost.connection')
  return follow(client, body.request)
}

const setCommand: Command = {
  name: 'permissions set',
  section,
  summary: 'Replace the permissions that an account or a workflow has of its own.',
  usage: `${idUsage} FILE|- [--yes] [--reason TEXT]`,
  help: `${owners} Raise privileges to write first. Shows who gains and who loses what, and asks. ${layout}

    What is in force counts until the file is changed after it: the latest change decides.`,
  options: changing,
  run: async (input) => {
    mustHaveWords(setCommand, input, 2, 2)
    const [id, file = '-'] = input.words
    return change(input, targetOf(id), { text: await textFrom(file) }, file === '-')
  },
}

const restoreCommand: Command = {
  name: 'permissions restore',
  section,
  summary: 'Bring an earlier version of those permissions back, as a new one.',
  usage: `${idUsage} VERSION [--yes] [--reason TEXT]`,
  help: `${owners} Raise privileges to write first. Shows who gains and who loses what, and asks.`,
  options: changing,
  run: async (input) => {
    mustHaveWords(restoreCommand, input, 2, 2)
    const [id, version = ''] = input.words
    if (!/^[0-9]{1,9}$/.test(version))
      throw new SeneschalError('usage', `${JSON.stringify(version)} is not the number of a version.`)
    return change(input, targetOf(id), { restore: Number(version) }, false)
  },
}

export const permissionsCommands: readonly Command[] = [
  showCommand,
  checkCommand,
  previewCommand,
  setCommand,
  historyCommand,
  restoreCommand,
]
