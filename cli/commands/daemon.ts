/** `seneschal daemon`: seneschald in the foreground, and its directories. */
import { loadConfig } from '../../config/load.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Command, type Input, type Option, text } from '../command.ts'

const configOption = {
  config: {
    type: 'string',
    short: 'c',
    value: 'FILE',
    help: 'configuration (default $SENESCHAL_DAEMON_CONFIG, else /etc/seneschal/daemon.yaml)',
  },
} as const satisfies Record<string, Option>

const configFile = (input: Input): string =>
  text(input, 'config') ?? process.env.SENESCHAL_DAEMON_CONFIG ?? '/etc/seneschal/daemon.yaml'

/** Settings from the environment are `SENESCHALD_…`, so that they never meet those of other parts. */
const readConfig = async (input: Input) => {
  const { daemonConfig } = await import('../../daemon/config.ts')
  return loadConfig(daemonConfig, { file: configFile(input), env: process.env, prefix: 'SENESCHALD_' })
}

export const daemonCommand: Command = {
  name: 'daemon',
  summary: 'Run seneschald: take requests, run workflows, write state, feeds and audit.',
  usage: '[--config FILE]',
  help: 'Runs in the foreground until SIGTERM; jobs go on and are found again by the next start.',
  options: configOption,
  run: async (input) => {
    const config = await readConfig(input)
    const { runDaemon } = await import('../../daemon/run.ts')
    return await runDaemon(config)
  },
}

export const daemonSetupCommand: Command = {
  name: 'daemon setup',
  summary: 'Create the site’s directories with their modes, and say what is unsafe.',
  usage: '[--config FILE]',
  options: configOption,
  run: async (input) => {
    const config = await readConfig(input)
    const { setupSite } = await import('../../daemon/setup.ts')
    const uid = process.getuid?.()
    if (uid === undefined) throw new SeneschalError('usage', 'The daemon needs a Unix system.')
    const report = await setupSite(config, uid)
    for (const line of report.done) process.stdout.write(`done: ${line}\n`)
    for (const [account, why] of Object.entries(report.accounts))
      process.stdout.write(`not served: ${account}: ${why}\n`)
    for (const line of report.problems) process.stdout.write(`unsafe: ${line}\n`)
    return report.problems.length === 0 ? 0 : 1
  },
}
