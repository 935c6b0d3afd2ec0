/** `seneschal backup` and `seneschal restore`: a daemon, a hub, or both, as directories of plain files. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Command, type Input, mustHaveWords, type Option, text } from '../command.ts'
import { defaultDaemonConfig, readConfigFile } from './daemon.ts'
import { defaultHubConfig, readHubConfig } from './hub.ts'

const configOptions = {
  daemon: { type: 'string', value: 'FILE', help: 'the daemon’s configuration' },
  hub: { type: 'string', value: 'FILE', help: 'the hub’s configuration' },
} as const satisfies Record<string, Option>

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** Those that are named; without any, those that stand where they usually do. */
const configsOf = (
  input: Input,
): { readonly daemon: string | undefined; readonly hub: string | undefined } => {
  const named = { daemon: text(input, 'daemon'), hub: text(input, 'hub') }
  if (named.daemon !== undefined || named.hub !== undefined) return named
  const usual = (file: string) => (existsSync(file) ? file : undefined)
  const found = { daemon: usual(defaultDaemonConfig()), hub: usual(defaultHubConfig()) }
  if (found.daemon === undefined && found.hub === undefined)
    throw new SeneschalError('usage', 'Say which: --daemon FILE, --hub FILE, or both.')
  return found
}

export const backupCommand: Command = {
  name: 'backup',
  summary: 'Back up a daemon, a hub, or both, while they run.',
  usage: 'DIR [--daemon FILE] [--hub FILE] [--with-keys]',
  help: `Each goes to a directory of its own below DIR, which is theirs alone (0700): state and audit log, and what an
    administrator wrote. Feeds and published requests are views and are made anew. Run it as the service account whose
    files they are; without --daemon and --hub, for those whose configuration stands where it usually does.

    Private keys and the hub's client secret stay out unless --with-keys says so: whoever has them can be anybody.`,
  options: {
    ...configOptions,
    'with-keys': { type: 'boolean', help: 'private keys and secrets too' },
  },
  run: async (input) => {
    mustHaveWords(backupCommand, input, 1, 1)
    const to = resolve(input.words[0] ?? '')
    const withKeys = input.values['with-keys'] === true
    const configs = configsOf(input)
    if (configs.daemon !== undefined) {
      const { backUpDaemon } = await import('../../daemon/backup/back-up.ts')
      const config = await readConfigFile(configs.daemon)
      const configFile = resolve(configs.daemon)
      await backUpDaemon({ config, configFile, to: join(to, 'daemon'), withKeys, now: Date.now })
      say(join(to, 'daemon'))
    }
    if (configs.hub !== undefined) {
      const { backUpHub } = await import('../../hub/backup.ts')
      const config = await readHubConfig(configs.hub)
      await backUpHub({
        ...{ config, configFile: resolve(configs.hub), to: join(to, 'hub'), withKeys },
        now: Date.now,
      })
      say(join(to, 'hub'))
    }
    return 0
  },
}

type Report = {
  readonly aside: readonly string[]
  readonly placed: readonly string[]
  readonly left: readonly string[]
}

const sayReport = ({ aside, placed, left }: Report): void => {
  for (const path of aside) say(`moved aside: ${path}`)
  for (const path of placed) say(`placed: ${path}`)
  for (const path of left) say(`left as it is: ${path}`)
}

export const restoreCommand: Command = {
  name: 'restore',
  summary: 'Put a backup of a daemon, a hub, or both in place. Neither may run.',
  usage: 'DIR [--daemon FILE] [--hub FILE] [--replace]',
  help: `The daemon's epoch is raised past that of the old one, which no host obeys any more and which ends by itself if it
    still runs. Grants of before are void; all workflows come up paused: seneschal resume them when the rows show what the
    hosts say of their jobs. Jobs that were submitted after the backup are found and not run again.

    The hub signs everybody out. Without its keys (--with-keys at the backup) it makes a new one, which the daemons'
    administrator has to pin.

    Configuration is put where there is none, and never over what is there.`,
  options: {
    ...configOptions,
    replace: { type: 'boolean', help: 'move aside what is there' },
  },
  run: async (input) => {
    mustHaveWords(restoreCommand, input, 1, 1)
    const from = resolve(input.words[0] ?? '')
    const replace = input.values.replace === true
    const configs = configsOf(input)
    if (configs.daemon !== undefined) {
      const { restoreDaemon } = await import('../../daemon/backup/restore.ts')
      const config = await readConfigFile(configs.daemon)
      const report = await restoreDaemon({ config, from: join(from, 'daemon'), replace, now: Date.now })
      sayReport(report)
      const made = new Date(report.manifest.made).toISOString()
      say(`The daemon is as it was on ${made}; its epoch is ${report.epoch}. Start it.`)
    }
    if (configs.hub !== undefined) {
      const { restoreHub } = await import('../../hub/backup.ts')
      const config = await readHubConfig(configs.hub)
      const report = await restoreHub({ config, from: join(from, 'hub'), replace, now: Date.now })
      sayReport(report)
      say(`The hub is as it was on ${new Date(report.manifest.made).toISOString()}. Start it.`)
    }
    return 0
  },
}
