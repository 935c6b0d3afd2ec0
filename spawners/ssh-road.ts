/** The way to accounts on hosts over SSH, as a configuration describes it: keys, pinned host keys, bastions. */
import { z } from 'zod/mini'
import type { SshConnectionOptions } from '../wire/ssh-connection.ts'
import type { HostKeys, SshKey } from '../wire/ssh-credentials.ts'
import { createSshGate } from '../wire/ssh-gate.ts'
import { createSshJump, type SshJump } from '../wire/ssh-jump.ts'
import { createSshTransport } from '../wire/ssh-transport.ts'
import type { Transport } from '../wire/transport.ts'
import type { SpawnerDeps } from './contract.ts'
import type { Mistake } from './mistakes.ts'

export const hostName = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9.:-]{0,254}$/))
const userName = z.string().check(z.regex(/^[a-z_][a-z0-9_-]{0,31}$/))
const absolute = z.string().check(z.regex(/^\//))
export const port = z.optional(z.number().check(z.int(), z.minimum(1), z.maximum(65_535)))

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
export const hostKeys = z.optional(z.array(z.string()).check(z.minLength(1)))

type Keyed = { readonly [K in keyof typeof key]?: z.infer<(typeof key)[K]> }

const jump = z.strictObject({
  address: hostName,
  port,
  username: userName,
  ...key,
  hostKeys,
})

/** A host that is named. */
export const namedHost = {
  name: hostName,
  /** Where it is reached, if not under its name; seen from the bastion, where there is one. */
  address: z.optional(hostName),
  port,
  hostKeys,
  /** One of `jumps`. */
  jump: z.optional(hostName),
}

export const roadOptions = {
  ...key,
  /** A known_hosts file, read at each connection. Hosts stand there under their name, bastions under their address. */
  knownHosts: z.optional(absolute),
  /** Bastions, by name. They see ciphertext alone: each host's key is checked from here. */
  jumps: z.optional(z.record(hostName, jump)),
  /** Within which a connection must be ready, s; 10. */
  readySeconds: z.optional(z.number().check(z.positive())),
}
const road = z.strictObject(roadOptions)
export type RoadOptions = Readonly<z.infer<typeof road>>

const oneKey = (of: Keyed, path: Mistake['path']): readonly Mistake[] =>
  (of.keyFile === undefined) === (of.keyAgent === undefined)
    ? [{ path: [...path, 'keyFile'], message: 'either keyFile or keyAgent is needed, not both' }]
    : []

/** What the schema of one field cannot say, of where the road leads and … */
export const hostMistakes = (
  options: RoadOptions,
  host: { readonly hostKeys?: unknown; readonly jump?: string | undefined },
  path: Mistake['path'],
): readonly Mistake[] => [
  ...(host.hostKeys === undefined && options.knownHosts === undefined
    ? [{ path: [...path, 'hostKeys'], message: 'hostKeys are needed where there is no knownHosts' }]
    : []),
  ...(host.jump !== undefined && !Object.hasOwn(options.jumps ?? {}, host.jump)
    ? [{ path: [...path, 'jump'], message: `${host.jump} is none of jumps` }]
    : []),
]

/** … of the road itself. */
export const roadMistakes = (options: RoadOptions): readonly Mistake[] => [
  ...oneKey(options, []),
  ...Object.entries(options.jumps ?? {}).flatMap(([name, bastion]) => [
    ...oneKey(bastion, ['jumps', name]),
    ...hostMistakes(options, { hostKeys: bastion.hostKeys }, ['jumps', name]),
  ]),
]

export const keyOf = ({ keyFile, keyAgent }: Keyed): SshKey =>
  keyAgent === undefined ? { file: keyFile ?? '' } : { agent: keyAgent.socket, publicKey: keyAgent.publicKey }

export type RoadTarget = {
  readonly name: string
  readonly address?: string | undefined
  readonly port?: number | undefined
  readonly hostKeys?: readonly string[] | undefined
  readonly jump?: string | undefined
}

export type SshRoad = {
  readonly connection: (target: RoadTarget, account: string) => SshConnectionOptions
  /** A new one, which the caller closes. */
  readonly transport: (target: RoadTarget, account: string) => Transport
  readonly jump: (name: string | undefined) => SshJump | undefined
  /** Ends the connections to bastions. */
  readonly close: () => void
}

export const createSshRoad = (options: RoadOptions, deps: Pick<SpawnerDeps, 'now' | 'random'>): SshRoad => {
  const gate = createSshGate({ now: deps.now, random: deps.random })
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
  const connection: SshRoad['connection'] = (target, account) => ({
    host: target.address ?? target.name,
    port: target.port,
    username: account,
    privateKey: keyOf(options),
    hostKeys: keysOf(target.hostKeys, target.name),
    jump: jumpOf(target.jump),
    gate,
    readyTimeout: (options.readySeconds ?? 10) * 1000,
  })
  return {
    connection,
    transport: (target, account) => createSshTransport(connection(target, account)),
    jump: jumpOf,
    close: () => {
      for (const one of jumps.values()) one.close()
    },
  }
}
