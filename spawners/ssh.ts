/** Servers as their own account on other hosts: one key, one forced command, nothing else of sshd. */
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'
import type { HostKeys, SshKey } from '../wire/ssh-credentials.ts'
import { createSshGate } from '../wire/ssh-gate.ts'
import { createSshJump } from '../wire/ssh-jump.ts'
import { knock } from '../wire/ssh-knock.ts'
import { createSshTransport } from '../wire/ssh-transport.ts'
import { createAgentSpawner } from './agent-spawner.ts'
import { type SpawnerDefinition, spawnerContract } from './contract.ts'
import { placementOptions } from './placement.ts'

const hostName = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9.:-]{0,254}$/))
const userName = z.string().check(z.regex(/^[a-z_][a-z0-9_-]{0,31}$/))
const absolute = z.string().check(z.regex(/^\//))
const port = z.optional(z.number().check(z.int(), z.minimum(1), z.maximum(65_535)))

/** The hub's private key: a file without passphrase that the hub alone can read, or one that an ssh-agent holds. */
const key = {
  keyFile: z.optional(absolute),
  keyAgent: z.optional(
    z.strictObject({
      /** Of the agent. */
      socket: absolute,
      /** OpenSSH public key line: which of its keys. */
      publicKey: z.string().check(z.minLength(1)),
    }),
  ),
}
/** OpenSSH public key lines; a host with any other key is refused. Without them, `knownHosts` has to know it. */
const hostKeys = z.optional(z.array(z.string()).check(z.minLength(1)))

type Keyed = { readonly [K in keyof typeof key]?: z.infer<(typeof key)[K]> }

const jump = z.strictObject({
  address: hostName,
  port,
  username: userName,
  ...key,
  hostKeys,
})

export const sshOptions = z.strictObject({
  hosts: z
    .array(
      z.strictObject({
        name: hostName,
        /** Where it is reached, if not under its name; seen from the bastion, where there is one. */
        address: z.optional(hostName),
        port,
        hostKeys,
        /** One of `jumps`. */
        jump: z.optional(hostName),
        /** For the rules of `placement`. */
        labels: z.optional(z.array(z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/)))),
        /** Keeps its servers and takes no new ones. */
        condemned: z.optional(z.boolean()),
      }),
    )
    .check(z.minLength(1)),
  /** Which hosts an account belongs on, which of them take one more, and which of those is best. */
  placement: z.optional(placementOptions),
  ...key,
  /** A known_hosts file, read at each connection. Hosts stand there under their name, bastions under their address. */
  knownHosts: z.optional(absolute),
  /** Bastions, by name. They see ciphertext alone: each host's key is checked from here. */
  jumps: z.optional(z.record(hostName, jump)),
  /** Within which a connection must be ready, s; 10. */
  readySeconds: z.optional(z.number().check(z.positive())),
})
export type SshOptions = Readonly<z.infer<typeof sshOptions>>

type Issue = { readonly path: readonly (string | number)[]; readonly message: string }

/** What the schema of one field cannot say. */
const mistakes = (options: SshOptions): readonly Issue[] => {
  const found: Issue[] = []
  const oneKey = (of: Keyed, path: Issue['path']) => {
    if ((of.keyFile === undefined) === (of.keyAgent === undefined))
      found.push({ path: [...path, 'keyFile'], message: 'either keyFile or keyAgent is needed, not both' })
  }
  const known = (keys: unknown, path: Issue['path']) => {
    if (keys === undefined && options.knownHosts === undefined)
      found.push({ path: [...path, 'hostKeys'], message: 'hostKeys are needed where there is no knownHosts' })
  }
  oneKey(options, [])
  for (const [index, host] of options.hosts.entries()) {
    known(host.hostKeys, ['hosts', index])
    if (host.jump !== undefined && !Object.hasOwn(options.jumps ?? {}, host.jump))
      found.push({ path: ['hosts', index, 'jump'], message: `${host.jump} is none of jumps` })
    if (options.hosts.findIndex(({ name }) => name === host.name) !== index)
      found.push({ path: ['hosts', index, 'name'], message: `${host.name} stands here twice` })
  }
  for (const [name, bastion] of Object.entries(options.jumps ?? {})) {
    oneKey(bastion, ['jumps', name])
    known(bastion.hostKeys, ['jumps', name])
  }
  return found
}

/** For the part of a configuration that has these options: each problem at its own place. */
export const sshComplete = (given: {
  readonly value: SshOptions
  readonly issues: z.core.$ZodRawIssue[]
}): void => {
  for (const { path, message } of mistakes(given.value))
    given.issues.push({ code: 'custom', path: [...path], message, input: given.value })
}

const keyOf = ({ keyFile, keyAgent }: Keyed): SshKey =>
  keyAgent === undefined ? { file: keyFile ?? '' } : { agent: keyAgent.socket, publicKey: keyAgent.publicKey }

export const sshSpawner: SpawnerDefinition<SshOptions> = {
  contract: spawnerContract,
  create: (options, deps) => {
    const gate = createSshGate({ now: deps.now, random: deps.random })
    const hosts = new Map(options.hosts.map((host) => [host.name, host]))
    const keysOf = (pinned: readonly string[] | undefined, name: string): HostKeys =>
      pinned ?? { knownHosts: options.knownHosts ?? '', name }
    const jumps = new Map(
      Object.entries(options.jumps ?? {}).map(([name, bastion]) => [
        name,
        createSshJump({
          host: bastion.address,
          port: bastion.port,
          username: bastion.username,
          privateKey: keyOf(bastion),
          hostKeys: keysOf(bastion.hostKeys, bastion.address),
          gate,
        }),
      ]),
    )
    const jumpOf = (name: string | undefined) => (name === undefined ? undefined : jumps.get(name))
    const spawner = createAgentSpawner(
      {
        hosts: options.hosts,
        placement: options.placement,
        via: (name) => hosts.get(name)?.jump,
        knock: async (name, signal) => {
          const host = hosts.get(name)
          if (host === undefined) return true
          const { address = name, port = 22 } = host
          return await knock({ host: address, port, jump: jumpOf(host.jump) }, signal)
        },
        transport: (name, account) => {
          const host = hosts.get(name)
          if (host === undefined) throw new SeneschalError('host.unreachable', `${name} is not configured.`)
          return createSshTransport({
            host: host.address ?? name,
            port: host.port,
            username: account,
            privateKey: keyOf(options),
            hostKeys: keysOf(host.hostKeys, name),
            jump: jumpOf(host.jump),
            gate,
            readyTimeout: (options.readySeconds ?? 10) * 1000,
          })
        },
      },
      deps,
    )
    return {
      ...spawner,
      close: async () => {
        await spawner.close()
        for (const jump of jumps.values()) jump.close()
      },
    }
  },
}
