/** Servers as their own account on other hosts: one key, one forced command, nothing else of sshd. */
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'
import { createSshGate } from '../wire/ssh-gate.ts'
import { createSshTransport } from '../wire/ssh-transport.ts'
import { createAgentSpawner } from './agent-spawner.ts'
import { type SpawnerDefinition, spawnerContract } from './contract.ts'

const hostName = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9.:-]{0,254}$/))

export const sshOptions = z.strictObject({
  hosts: z
    .array(
      z.strictObject({
        name: hostName,
        /** Where it is reached, if not under its name. */
        address: z.optional(hostName),
        port: z.optional(z.number().check(z.int(), z.minimum(1), z.maximum(65_535))),
        /** OpenSSH public key lines; a host with any other key is refused. */
        hostKeys: z.array(z.string()).check(z.minLength(1)),
        /** Keeps its servers and takes no new ones. */
        condemned: z.optional(z.boolean()),
      }),
    )
    .check(z.minLength(1)),
  /** The hub's private key, without passphrase, readable by the hub alone. */
  keyFile: z.string().check(z.regex(/^\//)),
  /** Within which a connection must be ready, s; 10. */
  readySeconds: z.optional(z.number().check(z.positive())),
})
export type SshOptions = Readonly<z.infer<typeof sshOptions>>

export const sshSpawner: SpawnerDefinition<SshOptions> = {
  contract: spawnerContract,
  create: (options, deps) => {
    const gate = createSshGate({ now: deps.now, random: deps.random })
    const hosts = new Map(options.hosts.map((host) => [host.name, host]))
    return createAgentSpawner(
      {
        hosts: options.hosts,
        transport: (name, account) => {
          const host = hosts.get(name)
          if (host === undefined) throw new SeneschalError('host.unreachable', `${name} is not configured.`)
          return createSshTransport({
            host: host.address ?? name,
            port: host.port ?? 22,
            username: account,
            privateKey: { file: options.keyFile },
            hostKeys: host.hostKeys,
            gate,
            readyTimeout: (options.readySeconds ?? 10) * 1000,
          })
        },
      },
      deps,
    )
  },
}
