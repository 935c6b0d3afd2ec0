/** Entry of the bundle for a site's own host: all commands but the demonstration. */

import { runCommandLine } from './run.ts'
import { siteCommands } from './site-commands.ts'

process.exitCode = await runCommandLine(siteCommands, process.argv.slice(2))
