/** All commands, in the order of the overview. */
import type { Command } from './command.ts'
import { auditVerifyCommand } from './commands/audit.ts'
import { daemonCommand, daemonSetupCommand } from './commands/daemon.ts'
import { demoCommand } from './commands/demo.ts'
import { explainCommand } from './commands/explain.ts'
import { hubCommand } from './commands/hub.ts'
import { statusCommand } from './commands/status.ts'
import { submitCommand } from './commands/submit.ts'
import { farCommands } from './far-commands.ts'

export const commands: readonly Command[] = [
  demoCommand,
  hubCommand,
  daemonCommand,
  daemonSetupCommand,
  submitCommand,
  statusCommand,
  explainCommand,
  auditVerifyCommand,
  ...farCommands,
]
