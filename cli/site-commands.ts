/** Commands of an installed site, in the order of the overview. */
import type { Command } from './command.ts'
import { auditVerifyCommand } from './commands/audit.ts'
import { daemonCommand, daemonSetupCommand } from './commands/daemon.ts'
import { explainCommand } from './commands/explain.ts'
import { hubCommand } from './commands/hub.ts'
import { pluginHostCommand } from './commands/plugin-host.ts'
import { statusCommand } from './commands/status.ts'
import { submitCommand } from './commands/submit.ts'
import { farCommands } from './far-commands.ts'

export const siteCommands: readonly Command[] = [
  hubCommand,
  daemonCommand,
  daemonSetupCommand,
  submitCommand,
  statusCommand,
  explainCommand,
  auditVerifyCommand,
  pluginHostCommand,
  ...farCommands,
]
