/** The demonstration's plugins: harmless ones, in their sandbox where there is one. */
import { chmodSync, cpSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DaemonConfig } from '../daemon/config.ts'
import { bubblewrapProgram } from './bubblewrap-program.ts'

type Input = { readonly [K in keyof DaemonConfig['plugins']]?: unknown }

export const demoPlugins: Input = {
  active: [
    { name: 'echo', version: '1.0.0' },
    {
      name: 'command',
      version: '1.0.0',
      settings: {
        commands: {
          date: { program: '/bin/date', always: ['--utc'] },
          uptime: { program: '/usr/bin/uptime' },
          disk: { program: '/bin/df', always: ['-h', '.'] },
        },
      },
    },
  ],
}

/** A copy that nobody else may write to, whatever umask the checkout was made with. */
export const installPlugins = (target: string): Input => {
  rmSync(target, { recursive: true, force: true })
  const built = join(dirname(import.meta.dirname), 'dist/site/plugins')
  cpSync(built, target, { recursive: true })
  for (const name of ['.', ...readdirSync(target)]) chmodSync(join(target, name), 0o755)
  const bubblewrap = bubblewrapProgram()
  return {
    ...demoPlugins,
    directories: [target],
    ...(bubblewrap === undefined ? { sandbox: 'none' } : { bubblewrap }),
  }
}
