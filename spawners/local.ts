/**
 * Servers on the hub's own machine: as the hub's own user, for demonstrations and sites of a single account, or through
 * sudo as the accounts themselves.
 */
import { join } from 'node:path'
import { z } from 'zod/mini'
import { createLocalTransport } from '../wire/local-transport.ts'
import { createAgentSpawner } from './agent-spawner.ts'
import { type SpawnerDefinition, spawnerContract } from './contract.ts'
import { telling } from './mistakes.ts'

export const localOptions = z.strictObject({
  /** Each account's home is the directory of its name below this one; without it, all have this user's home. */
  homeRoot: z.optional(z.string().check(z.regex(/^\//))),
  /** Sockets and records, one directory below for each account; without it `~/.seneschal/run`. */
  runDirRoot: z.optional(z.string().check(z.regex(/^\//))),
  /** The agent's command, where it is not this installation's own. */
  command: z.optional(z.array(z.string()).check(z.minLength(1))),
  /** Run it as the account, by a rule of sudo that allows exactly that command and keeps SSH_ORIGINAL_COMMAND. */
  sudo: z.optional(z.boolean()),
})
export type LocalOptions = Readonly<z.infer<typeof localOptions>>

/** For the part of a configuration that has these options. */
export const localComplete = telling((options: LocalOptions) =>
  options.sudo === true
    ? (['homeRoot', 'runDirRoot'] as const)
        .filter((name) => options[name] !== undefined)
        .map((name) => ({ path: [name], message: 'with sudo, each account has its own home' }))
    : [],
)

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
    const asAccount = (account: string): readonly string[] =>
      options.sudo === true ? ['sudo', '-n', '-H', '-u', account, '--'] : []
    const hasHomes = homeRoot !== undefined || options.sudo === true
    // Where every account is the same user they cannot share a run directory, as they would not elsewhere.
    const runDirRoot =
      options.runDirRoot ?? (hasHomes ? undefined : join(deps.env.HOME ?? '/', '.seneschal', 'run'))
    return createAgentSpawner(
      {
        hosts: [{ name: 'localhost' }],
        transport: (_host, account) =>
          createLocalTransport({
            command: [...asAccount(account), program, ...args] as [string, ...string[]],
            env: homeRoot === undefined ? deps.env : { ...deps.env, HOME: join(homeRoot, account) },
          }),
        ...(runDirRoot === undefined ? {} : { runDirRoot: (account: string) => join(runDirRoot, account) }),
      },
      deps,
    )
  },
}
