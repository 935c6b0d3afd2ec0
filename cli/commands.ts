/** All commands, in the order of the overview. */
import type { Command } from './command.ts'
import { demoCommand } from './commands/demo.ts'
import { siteCommands } from './site-commands.ts'

export const commands: readonly Command[] = [demoCommand, ...siteCommands]
