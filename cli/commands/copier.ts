/** What the daemon and job supervisors start for each copy, as whoever the files belong to. */
import type { Command } from '../command.ts'

export const copierCommand: Command = {
  name: 'copier',
  serves: true,
  summary: 'Copy files, or be one side of a copy (started by the daemon and by job supervisors).',
  usage: '< ORDER',
  internal: true,
  run: async () => {
    const { runCopier } = await import('../../runners/copies/copier.ts')
    await runCopier({
      input: process.stdin,
      output: process.stdout,
      home: process.env.HOME,
      onAbandoned: () => process.exit(1),
    })
    // Whoever reads the last line closes the input; waiting for that would wait for a daemon that hangs.
    process.stdin.destroy()
    return 0
  },
}
