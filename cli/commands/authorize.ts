/** `seneschal authorize`: what stands in an account's authorized_keys, and the proof that it allows nothing else. */
import { type AgentRole, isAgentRole, slurmVerbs } from '../../protocol/agent-line.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import type { SshConnectionOptions } from '../../wire/ssh-connection.ts'
import type { SshKey } from '../../wire/ssh-credentials.ts'
import type { SshGate } from '../../wire/ssh-gate.ts'
import { type Command, type Input, mustHaveWords, text } from '../command.ts'
import { defaultDaemonConfig, readConfigFile } from './daemon.ts'
import { defaultHubConfig, readHubConfig } from './hub.ts'

/** One of our keys for an account, and where it is used. */
type Use = {
  readonly key: SshKey
  readonly hosts: readonly { readonly name: string; readonly connection: SshConnectionOptions }[]
  readonly site?: string
  readonly isSlurm?: boolean
  readonly close?: () => void
}

const nothingFor = (account: string, file: string): SeneschalError =>
  new SeneschalError('usage', `${file} has no SSH key for ${account}: it is reached in another way.`)

const hubUse = async (account: string, file: string): Promise<Use> => {
  const { spawner } = await readHubConfig(file)
  if (spawner.kind !== 'ssh' && spawner.kind !== 'slurm') throw nothingFor(account, file)
  const { createSshRoad, keyOf } = await import('../../spawners/ssh-road.ts')
  const road = createSshRoad(spawner, { now: Date.now, random: Math.random })
  const hosts = spawner.kind === 'ssh' ? spawner.hosts : spawner.submit
  return {
    key: keyOf(spawner),
    hosts: hosts.map((host) => ({ name: host.name, connection: road.connection(host, account) })),
    isSlurm: spawner.kind === 'slurm',
    close: road.close,
  }
}

const daemonUse = async (account: string, file: string, gate: SshGate): Promise<Use> => {
  const { accounts } = await readConfigFile(file)
  const entry = Object.hasOwn(accounts, account) ? accounts[account] : undefined
  if (entry === undefined) throw new SeneschalError('usage', `${file} has no account ${account}.`)
  if (entry.transport.kind !== 'ssh') throw nothingFor(account, file)
  const { sshConnectionOf } = await import('../../daemon/run.ts')
  const connection = sshConnectionOf(account, entry.user, entry.transport, gate)
  return { key: connection.privateKey, hosts: [{ name: connection.host, connection }] }
}

const feedUse = async (account: string, file: string, gate: SshGate): Promise<Use> => {
  const { daemons } = await readHubConfig(file)
  for (const { directory, feed } of daemons) {
    if (feed === undefined || !('ssh' in feed) || feed.ssh.username !== account) continue
    const { host, port, username, keyFile, hostKeys } = feed.ssh
    const connection = { ...{ host, port, username, hostKeys, gate }, privateKey: { file: keyFile } }
    return { key: connection.privateKey, hosts: [{ name: host, connection }], site: directory }
  }
  throw new SeneschalError('usage', `${file} reads no daemon’s feed as ${account}.`)
}

const useFor = async (role: AgentRole, account: string, config: string | undefined): Promise<Use> => {
  const { createSshGate } = await import('../../wire/ssh-gate.ts')
  const gate = createSshGate({ now: Date.now, random: Math.random })
  if (role === 'daemon') return daemonUse(account, config ?? defaultDaemonConfig(), gate)
  const file = config ?? defaultHubConfig()
  return role === 'hub' ? hubUse(account, file) : feedUse(account, file, gate)
}

/** Whether nothing was possible that should not be, on any of the hosts. */
const check = async (role: AgentRole, use: Use): Promise<boolean> => {
  const { proveKey } = await import('../../wire/key-proof.ts')
  const foreign = use.isSlurm === true ? [] : slurmVerbs
  let wrong = 0
  for (const { name, connection } of use.hosts) {
    process.stdout.write(`${connection.username} on ${name}\n`)
    try {
      await proveKey(connection, { role, foreign }, ({ ok, what, detail }) => {
        if (!ok) wrong += 1
        process.stdout.write(`  ${ok ? 'ok    ' : 'FAILED'}  ${what}: ${detail}\n`)
      })
    } catch (error) {
      if (!(error instanceof SeneschalError)) throw error
      wrong += 1
      process.stdout.write(`  FAILED  ${error.code}: ${error.message}\n`)
    }
  }
  process.stdout.write(
    wrong === 0
      ? 'The key does what it is for, and nothing else.\n'
      : `${wrong} of these should not be so.\n`,
  )
  return wrong === 0
}

const roleOf = (input: Input): AgentRole => {
  const role = text(input, 'role') ?? 'hub'
  if (!isAgentRole(role)) throw new SeneschalError('usage', 'Say --role hub, --role daemon or --role feed.')
  return role
}

export const authorizeCommand: Command = {
  name: 'authorize',
  summary: 'Print the line for an account’s authorized_keys, or prove that it allows nothing else.',
  usage: 'ACCOUNT [--role hub|daemon|feed] [--from PATTERNS] [--check]',
  help: `Run it where the configuration and the private key are: that of the hub, for the role daemon that of the daemon. The
    line says what the account’s host lets this key do. It is the same on all hosts.

    With --check every host of the configuration is asked, of a Slurm cluster those to submit from: whether the agent answers, and whether a shell, commands, sftp, a
    terminal, any forwarding and all verbs of other roles are refused. Each refusal is recorded there, as always. Exit 0 where
    all is as it should be.`,
  options: {
    role: { type: 'string', value: 'hub|daemon|feed', help: 'whose key (default hub)' },
    config: { type: 'string', short: 'c', value: 'FILE', help: 'configuration of the hub, or of the daemon' },
    from: { type: 'string', value: 'PATTERNS', help: 'let it be used from these addresses alone' },
    program: {
      type: 'string',
      value: 'PATH',
      help: 'seneschal on the account’s host (default /opt/seneschal/bin/seneschal)',
    },
    slurm: {
      type: 'string',
      value: 'DIR',
      help: 'where sbatch is, if servers are jobs of Slurm (default /usr/bin)',
    },
    check: { type: 'boolean', help: 'try it on each host' },
  },
  run: async (input) => {
    mustHaveWords(authorizeCommand, input, 1, 1)
    const { accountName } = await import('../../protocol/ids.ts')
    const account = input.words[0] ?? ''
    if (!accountName.safeParse(account).success)
      throw new SeneschalError('usage', `${JSON.stringify(account)} is no account’s name.`)
    const role = roleOf(input)
    const use = await useFor(role, account, text(input, 'config'))
    try {
      if (input.values.check === true) return (await check(role, use)) ? 0 : 1
      const { publicKeyLine } = await import('../../wire/ssh-credentials.ts')
      const { authorizedLine } = await import('../authorized-line.ts')
      const slurm = text(input, 'slurm')
      if (slurm !== undefined && use.isSlurm !== true)
        throw new SeneschalError('usage', '--slurm is for a hub whose servers are jobs of Slurm.')
      const line = authorizedLine({
        ...{ role, publicKey: await publicKeyLine(use.key) },
        program: text(input, 'program') ?? '/opt/seneschal/bin/seneschal',
        site: use.site,
        slurm: use.isSlurm === true ? (slurm ?? '/usr/bin') : undefined,
        from: text(input, 'from'),
      })
      process.stdout.write(`${line}\n`)
      return 0
    } finally {
      use.close?.()
    }
  },
}
