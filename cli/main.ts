#!/usr/bin/env node
/** The command line: finds the command, loads it, runs it. */
import { commands } from './commands.ts'
import { runCommandLine } from './run.ts'

process.exitCode = await runCommandLine(commands, process.argv.slice(2))
