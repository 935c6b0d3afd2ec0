/** Servers as their own account on other hosts: one key, one forced command, nothing else of sshd. */
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'
import { knock } from '../wire/ssh-knock.ts'
import { createAgentSpawner } from './agent-spawner.ts'
import { type SpawnerDefinition, spawnerContract } from './contract.ts'
import { repeated, telling } from './mistakes.ts'
import { placementOptions } from './placement.ts'
import { createSshRoad, hostMistakes, namedHost, roadMistakes, roadOptions } from './ssh-road.ts'

export const sshOptions = z.strictObject({
  hosts: z
    .array(
      z.strictObject({
        ...namedHost,
        /** For the rules of `placement`. */
        labels: z.optional(z.array(z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/)))),
        /** Keeps its servers and takes no new ones. */
        condemned: z.optional(z.boolean()),
      }),
    )
    .check(z.minLength(1)),
  /** Which hosts an account belongs on, which of them take one more, and which of those is best. */
  placement: z.optional(placementOptions),
  ...roadOptions,
})
export type SshOptions = Readonly<z.infer<typeof sshOptions>>

/** What the schema of one field cannot say. */
export const sshComplete = telling((options: SshOptions) => [
  ...roadMistakes(options),
  ...options.hosts.flatMap((host, index) => hostMistakes(options, host, ['hosts', index])),
  ...repeated(options.hosts, ['hosts']),
])

export const sshSpawner: SpawnerDefinition<SshOptions> = {
  contract: spawnerContract,
  create: (options, deps) => {
    const road = createSshRoad(options, deps)
    const hosts = new Map(options.hosts.map((host) => [host.name, host]))
    const spawner = createAgentSpawner(
      {
        hosts: options.hosts,
        placement: options.placement,
        via: (name) => hosts.get(name)?.jump,
        knock: async (name, signal) => {
          const host = hosts.get(name)
          if (host === undefined) return true
          const { address = name, port = 22 } = host
          return await knock({ host: address, port, jump: road.jump(host.jump) }, signal)
        },
        transport: (name, account) => {
          const host = hosts.get(name)
          if (host === undefined) throw new SeneschalError('host.unreachable', `${name} is not configured.`)
          return road.transport(host, account)
        },
      },
      deps,
    )
    return {
      ...spawner,
      close: async () => {
        await spawner.close()
        road.close()
      },
    }
  },
}
