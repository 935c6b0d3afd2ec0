/** What the daemon starts for each active plugin. */
import type { Command } from '../command.ts'

export const pluginHostCommand: Command = {
  name: 'plugin-host',
  serves: true,
  summary: 'Load one plugin and ask it what the daemon wants to know (started by the daemon).',
  usage: '< CALLS',
  internal: true,
  run: async () => {
    const { createWriteStream } = await import('node:fs')
    const { answerDescriptor } = await import('../../daemon/plugins/host-messages.ts')
    const { runPluginHost } = await import('../../daemon/plugins/host-process.ts')
    const answers = createWriteStream('', { fd: answerDescriptor })
    await runPluginHost({ input: process.stdin, answer: (line) => answers.write(line) })
    return 0
  },
}
