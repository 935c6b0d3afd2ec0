/** What all commands that go through a hub have in common. */
import { type Input, type Option, text } from '../command.ts'
import { createHubClient, type HubClient } from './client.ts'
import { hubOf } from './session-file.ts'

export const hubOption = {
  hub: {
    type: 'string',
    value: 'URL',
    help: 'the hub (default $SENESCHAL_HUB, else the one signed in to last)',
  },
} as const satisfies Record<string, Option>

export const hubClient = (input: Input): HubClient =>
  createHubClient(hubOf(text(input, 'hub'), process.env), process.env)

/** Heading of the commands that do as a button in the browser does. */
export const section = 'As yourself, through a hub'
