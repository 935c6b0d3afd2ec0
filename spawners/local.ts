/** Servers as children of the same user on the same machine: for demonstrations and single-account sites. */
import { join } from 'node:path'
import { z } from 'zod/mini'
import { createLocalTransport } from '../wire/local-transport.ts'
import { createAgentSpawner } from './agent-spawner.ts'
import { type SpawnerDefinition, spawnerContract } from './contract.ts'

export const localOptions = z.strictObject({
  /** Each account's home is the directory of its name below this one; without it, all have this user's home. */
  homeRoot: z.optional(z.string().check(z.regex(/^\//))),
  /** Sockets and records, one directory below for each account; without it `~/.seneschal/run`. */
  runDirRoot: z.optional(z.string().check(z.regex(/^\//))),
  /** The agent's command, where it is not this installation's own. */
  command: z.optional(z.array(z.string()).check(z.minLength(1))),
})
export type LocalOptions = Readonly<z.infer<typeof localOptions>>

export const localSpawner: SpawnerDefinition<LocalOptions> = {
  contract: spawnerContract,
  create: (options, deps) => {
    const [program = process.execPath, ...args] = options.command ?? [
      process.execPath,
      deps.entry,
      'agent',
      '--role',
      'hub',
    ]
    const { homeRoot } = options
    // Every account is the same user here, so they cannot share a run directory as they would not elsewhere.
    const runDirRoot =
      options.runDirRoot ??
      (homeRoot === undefined ? join(deps.env.HOME ?? '/', '.seneschal', 'run') : undefined)
    return createAgentSpawner(
      {
        hosts: [{ name: 'localhost' }],
        transport: (_host, account) =>
          createLocalTransport({
            command: [program, ...args],
            env: homeRoot === undefined ? deps.env : { ...deps.env, HOME: join(homeRoot, account) },
          }),
        ...(runDirRoot === undefined ? {} : { runDirRoot: (account: string) => join(runDirRoot, account) }),
      },
      deps,
    )
  },
}
