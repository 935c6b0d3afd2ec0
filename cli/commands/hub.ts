/** `seneschal hub`: the web hub in the foreground. */
import { loadConfig } from '../../config/load.ts'
import { type Command, text } from '../command.ts'

export const defaultHubConfig = (): string => process.env.SENESCHAL_HUB_CONFIG ?? '/etc/seneschal/hub.yaml'

export const readHubConfig = async (
  file: string,
  flags: Readonly<Record<string, string | undefined>> = {},
) => {
  const { hubConfig } = await import('../../hub/config.ts')
  return loadConfig(hubConfig, { file, env: process.env, prefix: 'SENESCHAL_HUB_SET_', flags })
}

export const hubCommand: Command = {
  name: 'hub',
  serves: true,
  summary: 'Run the web hub: sign-in, permissions, elevation, proxy, wall, audit.',
  usage: '[--config FILE] [--port PORT]',
  help: 'Runs in the foreground until SIGTERM; UI servers go on and are found again by the next start.',
  options: {
    config: {
      type: 'string',
      short: 'c',
      value: 'FILE',
      help: 'configuration (default $SENESCHAL_HUB_CONFIG, else /etc/seneschal/hub.yaml)',
    },
    port: { type: 'string', value: 'PORT', help: 'listen there instead' },
  },
  run: async (input) => {
    const config = await readHubConfig(text(input, 'config') ?? defaultHubConfig(), {
      'listen.port': text(input, 'port'),
    })
    const { runHub } = await import('../../hub/run.ts')
    return await runHub(config)
  },
}
