/** What the agent starts: the account's UI server, alone or as a job of a cluster, and its job supervisor. */
import type { Command } from '../command.ts'

export const uiserverCommand: Command = {
  name: 'uiserver',
  serves: true,
  summary: 'Serve one account’s workflows to the hub (started by the agent, settings on stdin).',
  usage: '< SETTINGS',
  internal: true,
  run: async () => {
    const { runUiServer } = await import('../../uiserver/main.ts')
    await runUiServer({ stdin: process.stdin, stdout: process.stdout, env: process.env })
    return 0
  },
}

export const supervisorCommand: Command = {
  name: 'supervisor',
  serves: true,
  summary: 'Run one account’s jobs for the daemon (started by the agent, settings on stdin).',
  usage: '< SETTINGS',
  internal: true,
  run: async () => {
    const { runSupervisor } = await import('../../runners/supervisor.ts')
    const ended = new AbortController()
    process.once('SIGTERM', () => ended.abort())
    const copier = [process.execPath, process.argv[1] ?? '', 'copier'] as const
    const { stdin, stdout, env } = process
    await runSupervisor({ stdin, stdout, env, copier }, ended.signal)
    return 0
  },
}

export const batchCommand: Command = {
  name: 'batch',
  serves: true,
  summary: 'Keep one account’s UI server running as long as a Slurm job (started by the job’s script).',
  usage: 'FILE',
  internal: true,
  run: async ({ words }) => {
    const { runBatch } = await import('../../uiserver/agent/batch.ts')
    const ended = new AbortController()
    process.on('SIGTERM', () => ended.abort(new Error('Slurm ends the job.')))
    await runBatch({ file: words[0] ?? '', entry: process.argv[1] ?? '', say: console.log }, ended.signal)
    return 0
  },
}
