/** What all commands that go through a hub have in common. */
import { type Input, type Option, text } from '../command.ts'
import { createHubClient, type HubClient } from './client.ts'
import { hubOf } from './session-file.ts'
import { tokenFrom } from './token.ts'

export const hubOption = {
  hub: {
    type: 'string',
    value: 'URL',
    help: 'the hub (default $SENESCHAL_HUB, else the one signed in to last)',
  },
} as const satisfies Record<string, Option>

export const hubClient = (input: Input): HubClient =>
  createHubClient(hubOf(text(input, 'hub'), process.env), process.env)

export const readingOptions = {
  'token-file': {
    type: 'string',
    value: 'FILE',
    help: 'read with the token in this file (default $SENESCHAL_TOKEN, else as who signed in)',
  },
  ...hubOption,
} as const satisfies Record<string, Option>

/** For commands that only read: with a token where there is one. */
export const readingClient = (input: Input): HubClient =>
  createHubClient(
    hubOf(text(input, 'hub'), process.env),
    process.env,
    tokenFrom(text(input, 'token-file'), process.env),
  )

/** Heading of the commands that do as a button in the browser does. */
export const section = 'As yourself, through a hub'
