/** `seneschal hub break-glass`: on the hub's host, with a sealed key, for when the identity provider is down. */
import { userInfo } from 'node:os'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Command, type Input, mustHaveWords, text } from '../command.ts'
import { askSecret, isTerminal } from '../secret-prompt.ts'
import { defaultHubConfig, readHubConfig } from './hub.ts'

const terminal = { input: process.stdin, output: process.stderr }

const minutesOf = (given: string | undefined): number => {
  if (given === undefined) return 15
  if (!/^[1-9][0-9]?$/.test(given))
    throw new SeneschalError('usage', `${JSON.stringify(given)} is not a number of minutes from 1 to 60.`)
  return Number(given)
}

const setUp = async (keys: string): Promise<number> => {
  const { leastPassphrase, makeSealedKey } = await import('../../hub/break-glass/sealed-key.ts')
  const passphrase = await askSecret(`New passphrase (${leastPassphrase} characters at least): `, terminal)
  if (isTerminal(terminal) && (await askSecret('Once more: ', terminal)) !== passphrase)
    throw new SeneschalError('usage', 'The two are not the same.')
  const path = await makeSealedKey(keys, passphrase)
  process.stdout.write(`${path}\n`)
  process.stderr.write(
    'Write the passphrase down and lock it away, apart from this host. Nobody can tell it again.\n',
  )
  return 0
}

const openDoor = async (input: Input, person: string): Promise<number> => {
  const minutes = minutesOf(text(input, 'minutes'))
  const config = await readHubConfig(text(input, 'config') ?? defaultHubConfig())
  const { openStore } = await import('../../hub/store/open.ts')
  const { mustBePossible, orderDoor } = await import('../../hub/break-glass/host.ts')
  const store = await openStore(config.database)
  try {
    const asked = {
      ...{ db: store.db, keys: config.keys, hub: config.publicUrl, person, minutes },
      ...{ by: userInfo().username, now: Date.now },
    }
    await mustBePossible(asked)
    const { url, until } = await orderDoor(asked, await askSecret('Passphrase of the sealed key: ', terminal))
    process.stdout.write(`${url}\n`)
    process.stderr.write(
      `One browser that opens this before ${new Date(until).toISOString()} is ${person} for ${minutes} minutes.\n` +
        'All of it is recorded, and administrators are told.\n',
    )
    return 0
  } finally {
    await store.close()
  }
}

export const breakGlassCommand: Command = {
  name: 'hub break-glass',
  summary: 'Let a person in while the identity provider is down, with the sealed key of this host.',
  usage: 'PERSON [--minutes N] | --set-up',
  help: `Run as the hub's user on its host, while the hub runs or not. Asks for the passphrase, or reads it from
    standard input, and prints an address: the first browser that opens it within five minutes has a session of that
    person, raised to write, for so many minutes. The person must have signed in here before; groups are those that the
    provider said last; locks hold. Every record of that session says so, and all administrators see it.

    Once, before it is needed: --set-up makes the sealed key, under a passphrase that belongs into a safe.`,
  options: {
    minutes: { type: 'string', short: 'm', value: 'N', help: 'how long, 1 to 60 (default 15)' },
    'set-up': { type: 'boolean', help: 'make the sealed key' },
    config: {
      type: 'string',
      short: 'c',
      value: 'FILE',
      help: 'configuration of the hub (default $SENESCHAL_HUB_CONFIG, else /etc/seneschal/hub.yaml)',
    },
  },
  run: async (input) => {
    if (input.values['set-up'] === true) {
      mustHaveWords(breakGlassCommand, input, 0, 0)
      const { keys } = await readHubConfig(text(input, 'config') ?? defaultHubConfig())
      return setUp(keys)
    }
    mustHaveWords(breakGlassCommand, input, 1, 1)
    return openDoor(input, input.words[0] ?? '')
  },
}
