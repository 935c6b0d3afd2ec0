/** `seneschal daemon`: seneschald in the foreground, and its directories. */
import { loadConfig } from '../../config/load.ts'
import type { AccountIds } from '../../daemon/accounts.ts'
import type { Finding } from '../../daemon/check/rule.ts'
import type { DaemonConfig } from '../../daemon/config.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Command, type Input, type Option, text } from '../command.ts'

export const configOption = {
  config: {
    type: 'string',
    short: 'c',
    value: 'FILE',
    help: 'configuration (default $SENESCHAL_DAEMON_CONFIG, else /etc/seneschal/daemon.yaml)',
  },
} as const satisfies Record<string, Option>

export const defaultDaemonConfig = (): string =>
  process.env.SENESCHAL_DAEMON_CONFIG ?? '/etc/seneschal/daemon.yaml'

export const configFile = (input: Input): string => text(input, 'config') ?? defaultDaemonConfig()

/** Settings from the environment are `SENESCHALD_…`, so that they never meet those of other parts. */
export const readConfigFile = async (file: string) => {
  const { daemonConfig } = await import('../../daemon/config.ts')
  return loadConfig(daemonConfig, { file, env: process.env, prefix: 'SENESCHALD_' })
}
export const readConfig = (input: Input) => readConfigFile(configFile(input))

const runInForeground = async (input: Input): Promise<number> => {
  const config = await readConfig(input)
  const { runDaemon } = await import('../../daemon/run.ts')
  return await runDaemon(config, configFile(input))
}

export const daemonCommand: Command = {
  name: 'daemon',
  serves: true,
  summary: 'Run seneschald: take requests, run workflows, write state, feeds and audit.',
  usage: '[--config FILE]',
  help: 'Runs in the foreground until SIGTERM; jobs go on and are found again by the next start. It refuses to run where seneschal daemon check finds an error.',
  options: configOption,
  run: runInForeground,
}

export const daemonStartCommand: Command = { ...daemonCommand, name: 'daemon start' }

const userOption = {
  user: {
    type: 'string',
    value: 'NAME',
    help: 'the service account, where root runs this (default seneschal)',
  },
} as const satisfies Record<string, Option>

/** Whom the daemon runs as: whoever runs this, or, for root, the service account. */
const serviceAccount = async (input: Input, isDemonstration: boolean) => {
  const { getuid, getgid } = process
  if (getuid === undefined || getgid === undefined)
    throw new SeneschalError('usage', 'The daemon needs a Unix system.')
  const self = { uid: getuid(), gid: getgid() }
  if (self.uid !== 0 || isDemonstration) return self
  const name = text(input, 'user') ?? 'seneschal'
  const { getent } = await import('../../daemon/accounts.ts')
  const entry = await getent('passwd', name)
  if (entry === undefined)
    throw new SeneschalError(
      'config.invalid',
      `There is no Unix user ${name}: useradd --system --home-dir /var/lib/seneschal --shell /usr/sbin/nologin ${name}`,
    )
  return { uid: Number(entry[2]), gid: Number(entry[3]) }
}

export const daemonSetupCommand: Command = {
  name: 'daemon setup',
  summary: 'Create the site’s directories with their modes, and say what is unsafe.',
  usage: '[--config FILE] [--user NAME]',
  help: 'As the service account, or as root for it. Does nothing where all is as it should be.',
  options: { ...configOption, ...userOption },
  run: async (input) => {
    const config = await readConfig(input)
    const { setupSite } = await import('../../daemon/setup.ts')
    const self = await serviceAccount(input, config.unsafeSingleUser)
    const report = await setupSite(config, self, configFile(input))
    for (const line of report.done) process.stdout.write(`done: ${line}\n`)
    for (const [account, why] of Object.entries(report.accounts))
      process.stdout.write(`not served: ${account}: ${why}\n`)
    for (const line of report.problems) process.stdout.write(`unsafe: ${line}\n`)
    return report.problems.length === 0 ? 0 : 1
  },
}

/** Every account of a host, or one account. */
const lookFrom = async (
  config: DaemonConfig,
  node: string,
  self: AccountIds,
): Promise<readonly Finding[]> => {
  const { resolveAccounts } = await import('../../daemon/accounts.ts')
  const { checkFromHost } = await import('../../daemon/check/from-host.ts')
  const { hostOf } = await import('../../daemon/hosts.ts')
  const { createTransports } = await import('../../daemon/run.ts')
  const meant = Object.entries(config.accounts).filter(
    ([account]) => account === node || hostOf(config, account) === node,
  )
  if (meant.length === 0)
    throw new SeneschalError('usage', `No account of this configuration works on ${node}, or is called so.`)
  const resolved = await resolveAccounts(config, self)
  const transport = createTransports(Date.now)
  const found: Finding[] = []
  for (const [account, entry] of meant)
    found.push(
      ...(await checkFromHost({
        ...{ config, account, host: hostOf(config, account) ?? node, daemonUid: self.uid, resolved },
        transport: transport(account, entry),
        now: Date.now,
      })),
    )
  return found
}

export const daemonCheckCommand: Command = {
  name: 'daemon check',
  summary: 'Look at the installation rule by rule, and print what to change.',
  usage: '[--from NODE] [--config FILE] [--user NAME] [--json]',
  help: 'Changes nothing. With an error the daemon does not start; a warning is worth a thought. docs/daemon.md has all rules. As root it sees everything. With --from it asks the accounts of a host how they see the site from there: numeric ids, mounts, clocks, versions.',
  options: {
    from: {
      type: 'string',
      value: 'NODE',
      help: 'a host, or an account: look from there (as the service account, which has the key)',
    },
    json: { type: 'boolean', help: 'print one JSON object per finding' },
    ...configOption,
    ...userOption,
  },
  run: async (input) => {
    const config = await readConfig(input)
    const { checkInstallation, rules } = await import('../../daemon/check/check.ts')
    const self = await serviceAccount(input, config.unsafeSingleUser)
    const from = text(input, 'from')
    const found =
      from === undefined
        ? await checkInstallation({ config, configFile: configFile(input), self })
        : await lookFrom(config, from, self)
    for (const finding of found)
      process.stdout.write(
        input.values.json === true
          ? `${JSON.stringify(finding)}\n`
          : `${finding.level}: ${finding.what} [${finding.rule}]\n  ${finding.mend}\n`,
      )
    const broken = new Set(found.map(({ rule }) => rule))
    if (input.values.json !== true && from !== undefined)
      process.stdout.write(`${found.length === 0 ? 'All is well' : 'That is all'}, seen from ${from}.\n`)
    else if (input.values.json !== true)
      process.stdout.write(`${rules.length - broken.size} of ${rules.length} rules hold.\n`)
    return found.some(({ level }) => level === 'error') ? 1 : 0
  },
}
