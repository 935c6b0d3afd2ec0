/** Entry of the bundle that runs on the far side, as accounts: the agent and what it starts, nothing else. */

import { farCommands } from './far-commands.ts'
import { runCommandLine } from './run.ts'

process.exitCode = await runCommandLine(farCommands, process.argv.slice(2))
