/** Being a person on the command line: signing in at a hub, raising privileges, seeing what there is. */
import { accountsBody, deviceAnswer, sessionBody } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { elevationClass } from '../../protocol/permissions.ts'
import { sessionsBody } from '../../protocol/sessions.ts'
import { type Command, mustHaveWords, text } from '../command.ts'
import { waitAtTheProvider } from '../hub/at-the-provider.ts'
import { createHubClient, type HubClient } from '../hub/client.ts'
import { clock, summaryLines } from '../hub/lines.ts'
import { hubClient, hubOption, readingClient, readingOptions, section } from '../hub/options.ts'
import { scopeWords } from '../hub/scope-words.ts'
import { hubOf, knownHubs } from '../hub/session-file.ts'

const whoAmI = (client: HubClient) => client.get('/api/session', sessionBody)

/** The session of this command line as the list has it; undefined for a token, which sees none. */
const ownSession = async (client: HubClient) =>
  client.isToken
    ? undefined
    : (await client.get('/api/sessions', sessionsBody)).sessions.find(({ own }) => own)

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const sayWho = async (client: HubClient): Promise<void> => {
  const { person, elevation, groups, roles, token, breakGlass } = await whoAmI(client)
  const raised =
    elevation === null ? 'read-only' : `raised to ${elevation.class} until ${clock(elevation.until)}`
  say(`${person} at ${client.hub}, ${raised}`)
  if (groups.length > 0) say(`groups: ${groups.join(', ')}`)
  if (roles.length > 0) say(`roles: ${roles.join(', ')}`)
  const session = await ownSession(client)
  if (session !== undefined) say(`session: since ${clock(session.since)}, ends ${clock(session.expiresAt)}`)
  if (token !== undefined)
    say(
      `token: ${token.name} (${token.token}), reads ${scopeWords(token.scope)}, ends ${clock(token.expiresAt)}`,
    )
  for (const door of breakGlass ?? [])
    say(
      `break-glass: ${door.own ? 'you are' : `${door.person} is`} in without the identity provider until ${clock(door.until)}`,
    )
}

export const loginCommand: Command = {
  name: 'login',
  section,
  summary: 'Sign in at a hub as yourself, with a browser anywhere.',
  usage: '[URL]',
  help: 'Prints an address and a code. The session is read-only until you raise privileges, lies in ~/.config/seneschal/sessions.json, which nobody else may read, and ends when the site says so.',
  run: async (input) => {
    mustHaveWords(loginCommand, input, 0, 1)
    const client = createHubClient(hubOf(input.words[0], process.env), process.env)
    const { body } = await client.change('POST', '/auth/device', {}, deviceAnswer)
    if (body === undefined) throw new SeneschalError('lost.connection')
    await waitAtTheProvider(client, body)
    await sayWho(client)
    return 0
  },
}

export const logoutCommand: Command = {
  name: 'logout',
  section,
  summary: 'End the session of this command line.',
  usage: '[--hub URL]',
  options: hubOption,
  run: async (input) => {
    mustHaveWords(logoutCommand, input, 0, 0)
    const client = hubClient(input)
    try {
      await client.change('POST', '/auth/logout', {})
    } catch (thrown) {
      // That it is over already is what was wanted.
      if (!(thrown instanceof SeneschalError && thrown.code.startsWith('session.'))) throw thrown
    } finally {
      await client.forget()
    }
    return 0
  },
}

const printWho = async (client: HubClient, json: boolean): Promise<void> => {
  if (!json) return sayWho(client)
  const { csrf: _secret, ...shown } = await whoAmI(client)
  say(JSON.stringify({ hub: client.hub, ...shown, session: (await ownSession(client)) ?? null }))
}

export const whoamiCommand: Command = {
  name: 'whoami',
  section,
  summary: 'Say who you are at the hub: groups, roles, raised privileges, session or token and its end.',
  usage: '[--json] [--all] [--token-file FILE] [--hub URL]',
  help: 'With $SENESCHAL_TOKEN set it tells of that token. With --all it goes through every hub that you signed in to, and exits 1 where one does not know you any more.',
  options: {
    json: { type: 'boolean', help: 'print it as JSON, an object a line' },
    all: { type: 'boolean', short: 'a', help: 'at every hub that you signed in to' },
    ...readingOptions,
  },
  run: async (input) => {
    mustHaveWords(whoamiCommand, input, 0, 0)
    const json = input.values.json === true
    if (input.values.all !== true) {
      await printWho(readingClient(input), json)
      return 0
    }
    let failures = 0
    for (const hub of knownHubs(process.env))
      try {
        await printWho(createHubClient(hub, process.env), json)
      } catch (thrown) {
        if (!(thrown instanceof SeneschalError)) throw thrown
        failures += 1
        process.stderr.write(`${hub}: ${thrown.message} [${thrown.code}]\n`)
      }
    return failures === 0 ? 0 : 1
  },
}

export const raiseCommand: Command = {
  name: 'raise',
  section,
  summary: 'Raise privileges of this command line for a fixed time, by signing in once more.',
  usage: 'execute|write [--for MINUTES] [--reason TEXT]',
  options: {
    for: { type: 'string', value: 'MINUTES', help: 'less time than the site allows' },
    reason: { type: 'string', value: 'TEXT', help: 'why; some sites ask for it' },
    ...hubOption,
  },
  run: async (input) => {
    mustHaveWords(raiseCommand, input, 1, 1)
    const wanted = elevationClass.safeParse(input.words[0])
    if (!wanted.success) throw new SeneschalError('usage', 'Raise to execute or to write.')
    const client = hubClient(input)
    const reason = text(input, 'reason')
    const minutes = text(input, 'for')
    if (minutes !== undefined && !/^[1-9][0-9]{0,3}$/.test(minutes))
      throw new SeneschalError('usage', `--for takes whole minutes, not ${JSON.stringify(minutes)}.`)
    const asked = {
      class: wanted.data,
      ...(reason === undefined ? {} : { reason }),
      ...(minutes === undefined ? {} : { minutes: Number(minutes) }),
    }
    const { body } = await client.change('POST', '/auth/device/raise', asked, deviceAnswer)
    if (body === undefined) throw new SeneschalError('lost.connection')
    await waitAtTheProvider(client, body)
    await sayWho(client)
    return 0
  },
}

export const dropCommand: Command = {
  name: 'drop',
  section,
  summary: 'Give up raised privileges before their end.',
  usage: '[--hub URL]',
  options: hubOption,
  run: async (input) => {
    mustHaveWords(dropCommand, input, 0, 0)
    await hubClient(input).change('DELETE', '/auth/elevation', undefined)
    return 0
  },
}

export const scanCommand: Command = {
  name: 'scan',
  section,
  summary: 'List all accounts and workflows that you may view, with their states.',
  usage: '[~ACCOUNT…] [--json] [--token-file FILE] [--hub URL]',
  options: { json: { type: 'boolean', help: 'print one JSON object per workflow' }, ...readingOptions },
  run: async (input) => {
    const wanted = new Set(input.words.map((word) => word.replace(/^~/, '')))
    const { accounts } = await readingClient(input).get('/api/accounts', accountsBody)
    const shown = accounts.filter(({ account }) => wanted.size === 0 || wanted.has(account.account))
    const rows = shown.flatMap(({ workflows }) => workflows.map(({ summary }) => summary))
    if (input.values.json === true) for (const row of rows) say(JSON.stringify(row))
    else for (const line of summaryLines(rows)) say(line)
    if (rows.length === 0) process.stderr.write('There is no workflow that you may view.\n')
    return 0
  },
}

export const personCommands: readonly Command[] = [
  loginCommand,
  logoutCommand,
  whoamiCommand,
  raiseCommand,
  dropCommand,
  scanCommand,
]
