/** `seneschal daemon install-unit`: seneschald as a service of systemd. */
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Command, mustHaveWords, text } from '../command.ts'
import { configFile, configOption, readConfig } from './daemon.ts'

const userPattern = /^[a-z_][a-z0-9_-]{0,31}$/

export const daemonInstallUnitCommand: Command = {
  name: 'daemon install-unit',
  summary: 'Write a systemd unit for seneschald, with its sandboxing options.',
  usage: '[--config FILE] [--user NAME] [--output FILE] [--force]',
  help: 'Looks at what the configuration needs: the directories that it writes to, and whether plugins are active, whose sandbox some options would break. Starts nothing. systemd-analyze verify FILE and systemd-analyze security --offline=true FILE say what systemd makes of it.',
  options: {
    ...configOption,
    user: { type: 'string', value: 'NAME', help: 'the service account (default seneschal)' },
    output: {
      type: 'string',
      short: 'o',
      value: 'FILE',
      help: 'where to (default /etc/systemd/system/seneschald.service; - prints it)',
    },
    force: { type: 'boolean', help: 'replace a unit that is there and differs' },
  },
  run: async (input) => {
    mustHaveWords(daemonInstallUnitCommand, input, 0, 0)
    const config = await readConfig(input)
    const { unitName, unitText } = await import('../../daemon/unit.ts')
    const user = text(input, 'user') ?? 'seneschal'
    if (!userPattern.test(user) || user === 'root')
      throw new SeneschalError('usage', `${JSON.stringify(user)} cannot be the service account.`)
    const unit = unitText({
      config,
      configFile: resolve(configFile(input)),
      user,
      command: [process.execPath, realpathSync(process.argv[1] ?? '')],
    })
    const name = `${unitName(config.name)}.service`
    const file = text(input, 'output') ?? `/etc/systemd/system/${name}`
    if (file === '-') {
      process.stdout.write(unit)
      return 0
    }
    const { errnoOf, writeFileAtomic } = await import('../../durable/files.ts')
    const { readFile } = await import('node:fs/promises')
    const there = await readFile(file, 'utf8').catch((thrown: unknown) => {
      if (errnoOf(thrown) === 'ENOENT') return undefined
      throw new SeneschalError('config.invalid', `${file} cannot be read: ${errnoOf(thrown)}.`)
    })
    if (there === unit) {
      process.stdout.write(`${file} is as it should be.\n`)
      return 0
    }
    if (there !== undefined && input.values.force !== true)
      throw new SeneschalError('config.invalid', `${file} is there and differs: --force replaces it.`)
    await writeFileAtomic(file, unit, { mode: 0o644 }).catch((thrown: unknown) => {
      throw new SeneschalError('config.invalid', `${file} cannot be written: ${errnoOf(thrown)}.`)
    })
    process.stdout.write(`wrote ${file}\nnow: systemctl daemon-reload && systemctl enable --now ${name}\n`)
    return 0
  },
}
