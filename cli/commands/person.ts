/** Being a person on the command line: signing in at a hub, raising privileges, seeing what there is. */
import { accountsBody, deviceAnswer, sessionBody } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { formatId } from '../../protocol/ids.ts'
import { elevationClass } from '../../protocol/permissions.ts'
import { type Command, mustHaveWords, text } from '../command.ts'
import { waitAtTheProvider } from '../hub/at-the-provider.ts'
import { createHubClient, type HubClient } from '../hub/client.ts'
import { hubClient, hubOption, readingClient, readingOptions, section } from '../hub/options.ts'
import { hubOf } from '../hub/session-file.ts'

const clock = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')

const whoAmI = (client: HubClient) => client.get('/api/session', sessionBody)

const sayWho = async (client: HubClient): Promise<void> => {
  const { person, elevation, groups } = await whoAmI(client)
  const raised =
    elevation === null ? 'read-only' : `raised to ${elevation.class} until ${clock(elevation.until)}`
  process.stdout.write(`${person} at ${client.hub}, ${raised}\n`)
  if (groups.length > 0) process.stdout.write(`groups: ${groups.join(', ')}\n`)
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
    await client.forget()
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
    } finally {
      await client.forget()
    }
    return 0
  },
}

export const whoamiCommand: Command = {
  name: 'whoami',
  section,
  summary: 'Say who you are at the hub, in which groups, and whether privileges are raised.',
  usage: '[--json] [--token-file FILE] [--hub URL]',
  options: { json: { type: 'boolean', help: 'print it as JSON' }, ...readingOptions },
  run: async (input) => {
    mustHaveWords(whoamiCommand, input, 0, 0)
    const client = readingClient(input)
    if (input.values.json !== true) await sayWho(client)
    else {
      const { csrf: _secret, ...shown } = await whoAmI(client)
      process.stdout.write(`${JSON.stringify(shown)}\n`)
    }
    return 0
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
    const idOf = (row: (typeof rows)[number]) => formatId({ account: row.account, workflow: row.workflow })
    const width = Math.max(0, ...rows.map((row) => idOf(row).length)) + 2
    for (const row of rows) {
      if (input.values.json === true) process.stdout.write(`${JSON.stringify(row)}\n`)
      else {
        const counts = Object.entries(row.counts).filter(([, count]) => count > 0)
        const told = counts.map(([state, count]) => `${count} ${state}`).join(', ')
        process.stdout.write(`${idOf(row).padEnd(width)}${row.state.padEnd(10)}${told}\n`)
      }
    }
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
