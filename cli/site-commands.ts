/** Commands of an installed site, in the order of the overview. */
import type { Command } from './command.ts'
import { actionCommands } from './commands/act.ts'
import { auditExportCommand, auditVerifyCommand } from './commands/audit.ts'
import { authorizeCommand } from './commands/authorize.ts'
import { backupCommand, restoreCommand } from './commands/backup.ts'
import { breakGlassCommand } from './commands/break-glass.ts'
import {
  daemonCheckCommand,
  daemonCommand,
  daemonSetupCommand,
  daemonStartCommand,
} from './commands/daemon.ts'
import { daemonControlCommands } from './commands/daemon-control.ts'
import { daemonInstallUnitCommand } from './commands/daemon-unit.ts'
import { explainCommand } from './commands/explain.ts'
import { hubCommand } from './commands/hub.ts'
import { listCommand } from './commands/list.ts'
import { daemonLockCommands, lockCommands } from './commands/lock.ts'
import { logsCommand } from './commands/logs.ts'
import { permissionsCommands } from './commands/permissions.ts'
import { personCommands } from './commands/person.ts'
import { pluginCheckCommand, pluginNewCommand } from './commands/plugin.ts'
import { pluginHostCommand } from './commands/plugin-host.ts'
import { helpCommand, pluginsCommand } from './commands/plugins.ts'
import { spawnerCheckCommand } from './commands/spawner.ts'
import { statusCommand } from './commands/status.ts'
import { submitCommand } from './commands/submit.ts'
import { tokenCommands } from './commands/token.ts'
import { workflowGraphCommand, workflowValidateCommand } from './commands/workflow.ts'
import { farCommands } from './far-commands.ts'

export const siteCommands: readonly Command[] = [
  hubCommand,
  breakGlassCommand,
  daemonCommand,
  daemonStartCommand,
  daemonSetupCommand,
  daemonCheckCommand,
  daemonInstallUnitCommand,
  ...daemonControlCommands,
  ...daemonLockCommands,
  submitCommand,
  statusCommand,
  listCommand,
  pluginsCommand,
  helpCommand,
  workflowValidateCommand,
  workflowGraphCommand,
  pluginNewCommand,
  pluginCheckCommand,
  spawnerCheckCommand,
  authorizeCommand,
  explainCommand,
  auditVerifyCommand,
  auditExportCommand,
  backupCommand,
  restoreCommand,
  ...personCommands,
  logsCommand,
  ...tokenCommands,
  ...lockCommands,
  ...permissionsCommands,
  ...actionCommands,
  pluginHostCommand,
  ...farCommands,
]
