/** `seneschal spawner check`: for those who write spawners. */
import { SeneschalError } from '../../protocol/errors.ts'
import { type Command, mustHaveWords, text } from '../command.ts'

const readOptions = async (given: string | undefined): Promise<unknown> => {
  if (given === undefined) return {}
  const { readFile } = await import('node:fs/promises')
  const { parseYaml } = await import('../../config/yaml.ts')
  let content: string
  try {
    content = await readFile(given, 'utf8')
  } catch (cause) {
    throw new SeneschalError(
      'usage',
      `${given} cannot be read: ${(cause as NodeJS.ErrnoException).code ?? 'unknown error'}.`,
      { cause },
    )
  }
  return parseYaml(content, given).value ?? {}
}

export const spawnerCheckCommand: Command = {
  name: 'spawner check',
  summary: 'Look at a spawner module as a hub would, and try its contract on real servers.',
  usage: 'MODULE [--options FILE] [--account ACCOUNT [--site DIR]]',
  help: `Owners and modes of the file, its name, contract version and options. With an account, which must have no server
    running, also what the contract promises: servers of it are started, asked, and stopped. It runs with all your rights,
    as it would with those of the hub. Exit 0 where all is well.`,
  options: {
    options: {
      type: 'string',
      value: 'FILE',
      help: 'YAML or JSON: what stands under options: in the hub’s spawner:',
    },
    account: { type: 'string', value: 'ACCOUNT', help: 'start servers of this account' },
    site: {
      type: 'string',
      value: 'DIR',
      help: 'the site directory, as that account sees it (default /var/lib/seneschal)',
    },
  },
  run: async (input) => {
    mustHaveWords(spawnerCheckCommand, input, 1, 1)
    const { realpathSync } = await import('node:fs')
    const { join, resolve } = await import('node:path')
    const { loadSpawnerModule } = await import('../../spawners/load-module.ts')
    const { checkSpawner } = await import('../../spawners/contract-kit.ts')
    const path = resolve(input.words[0] ?? '')
    const options = await readOptions(text(input, 'options'))
    const account = text(input, 'account')
    const tell = ({ ok, what, detail }: { ok: boolean; what: string; detail: string }): void => {
      process.stdout.write(`${ok ? 'ok    ' : 'FAILED'}  ${what}: ${detail}\n`)
    }
    const warn = (message: string, context: Readonly<Record<string, unknown>>): void => {
      process.stderr.write(`${message} ${JSON.stringify(context)}\n`)
    }
    const module = await loadSpawnerModule(path)
    tell({
      ok: true,
      what: 'the file',
      detail: `${module.name}, ${module.files.size} file(s), all in safe hands`,
    })
    const open = async () =>
      module.create(options, {
        now: Date.now,
        env: process.env,
        entry: realpathSync(process.argv[1] ?? ''),
        random: Math.random,
        warn,
      })
    await (await open()).close()
    tell({ ok: true, what: 'its options', detail: 'taken' })
    if (account === undefined) return 0
    const site = resolve(text(input, 'site') ?? '/var/lib/seneschal')
    const isWell = await checkSpawner(
      {
        open,
        account,
        site: {
          inbox: join(site, 'requests', '1_inbox'),
          temp: join(site, 'requests', '0_temp'),
          feed: join(site, 'feed', account),
        },
      },
      tell,
    )
    return isWell ? 0 : 1
  },
}
