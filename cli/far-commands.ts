/** Verbs of the far side: what runs as an account. */
import type { Command } from './command.ts'
import { agentCommand } from './commands/agent.ts'
import { copierCommand } from './commands/copier.ts'
import { batchCommand, supervisorCommand, uiserverCommand } from './commands/servers.ts'

export const farCommands: readonly Command[] = [
  agentCommand,
  uiserverCommand,
  batchCommand,
  supervisorCommand,
  copierCommand,
]
