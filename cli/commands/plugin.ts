/** `seneschal plugin new` and `check`: for those who write plugins. */
import { SeneschalError } from '../../protocol/errors.ts'
import { pluginName } from '../../protocol/plugins.ts'
import { type Command, mustHaveWords, text } from '../command.ts'

export const pluginNewCommand: Command = {
  name: 'plugin new',
  summary: 'Write a new daemon plugin that works, to be changed.',
  usage: 'NAME [--python | --shell] [--dir DIR]',
  help: 'Makes DIR/NAME/ with one file in TypeScript, or in the language that was asked for.',
  options: {
    python: { type: 'boolean', help: 'in Python' },
    shell: { type: 'boolean', help: 'in shell, as an executable of any language would be' },
    dir: { type: 'string', value: 'DIR', help: 'where the plugin’s directory is made (default: here)' },
  },
  run: async (input) => {
    mustHaveWords(pluginNewCommand, input, 1, 1)
    const [name = ''] = input.words
    const { python, shell } = input.values
    if (!pluginName.safeParse(name).success)
      throw new SeneschalError(
        'usage',
        `${JSON.stringify(name)}: a name has small letters, digits and hyphens.`,
      )
    if (python === true && shell === true) throw new SeneschalError('usage', 'Either --python or --shell.')
    const { chmod, mkdir, writeFile } = await import('node:fs/promises')
    const { join, resolve } = await import('node:path')
    const { skeletonOf } = await import('../plugin-skeletons.ts')
    const made = skeletonOf(name, python === true ? 'python' : shell === true ? 'shell' : 'typescript')
    const directory = join(resolve(text(input, 'dir') ?? '.'), name)
    const file = join(directory, made.file)
    try {
      await mkdir(directory, { mode: 0o755 })
      await writeFile(file, made.text, { flag: 'wx' })
      // Whatever the umask: a daemon takes nothing that others may write.
      await chmod(directory, 0o755)
      await chmod(file, made.mode)
    } catch (cause) {
      throw new SeneschalError(
        'usage',
        `${directory} cannot be made: ${(cause as NodeJS.ErrnoException).code}.`,
        {
          cause,
        },
      )
    }
    process.stdout.write(`${file}\nCheck it: seneschal plugin check ${directory}\n`)
    return 0
  },
}

export const pluginCheckCommand: Command = {
  name: 'plugin check',
  summary: 'Look at a plugin as a daemon would, and try its own examples.',
  usage: 'DIR [--no-sandbox]',
  help: `Owners and modes of its files, what it says of itself, its schemas, and for each of its examples whether its rule
    and its plan come to what it expects. Exit 0 where all is well. It runs in the sandbox where bubblewrap is installed.`,
  options: {
    'no-sandbox': { type: 'boolean', help: 'run it with all your rights' },
    bubblewrap: { type: 'string', value: 'FILE', help: 'where bubblewrap is (default /usr/bin/bwrap)' },
  },
  run: async (input) => {
    mustHaveWords(pluginCheckCommand, input, 1, 1)
    const { existsSync, realpathSync } = await import('node:fs')
    const { resolve } = await import('node:path')
    const { checkPlugin } = await import('../../daemon/plugins/check.ts')
    const { installationOf } = await import('../../daemon/plugins/installation.ts')
    const program = text(input, 'bubblewrap') ?? '/usr/bin/bwrap'
    const sandboxed = input.values['no-sandbox'] !== true
    if (sandboxed && !existsSync(program))
      throw new SeneschalError('usage', `There is no ${program}: install bubblewrap, or say --no-sandbox.`)
    const findings = await checkPlugin({
      directory: resolve(input.words[0] ?? ''),
      installation: installationOf(process.execPath, realpathSync(process.argv[1] ?? '')),
      bubblewrap: sandboxed ? program : undefined,
      uid: process.getuid?.() ?? -1,
      home: process.env.HOME,
      now: () => Date.now(),
    })
    for (const { ok, what, detail } of findings)
      process.stdout.write(`${ok ? 'ok    ' : 'FAILED'}  ${what}: ${detail}\n`)
    return findings.every(({ ok }) => ok) ? 0 : 1
  },
}
