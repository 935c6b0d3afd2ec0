/**
 * A spawner that goes through the system's own OpenSSH client, for sites whose ways in it alone knows: Kerberos tickets,
 * certificates, a bastion, whatever ssh_config can say. The accounts' hosts need what they need for the built-in `ssh`:
 * the agent as a forced command.
 */
import { createAgentSpawner, createLocalTransport, defineSpawner, SeneschalError } from 'seneschal/spawner'

/** ssh ends with 255 for trouble of its own; with anything else, the far side has spoken. */
const explain = ({ code }: { readonly code: number | null }, stderr: string): SeneschalError | undefined => {
  if (code !== 255) return undefined
  const last = stderr.trim().split('\n').at(-1) ?? ''
  if (/Host key verification failed|REMOTE HOST IDENTIFICATION/.test(stderr))
    return new SeneschalError('host.key-unknown', last)
  if (/Permission denied/.test(stderr)) return new SeneschalError('ssh.auth-failed', last)
  return new SeneschalError('host.unreachable', last)
}

export default defineSpawner({
  name: 'openssh',
  options: {
    type: 'object',
    properties: {
      configFile: {
        type: 'string',
        pattern: '^/',
        description: 'an ssh_config; it names hosts, ways, keys and known_hosts',
      },
      hosts: {
        type: 'array',
        minItems: 1,
        items: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$' },
        description: 'Host names of that file',
      },
      program: { type: 'string', pattern: '^/', default: '/usr/bin/ssh' },
      environment: {
        type: 'object',
        additionalProperties: { type: 'string' },
        description: 'such as KRB5CCNAME or SSH_AUTH_SOCK',
      },
    },
    required: ['configFile', 'hosts'],
  },
  create: ({ configFile, hosts, program, environment }, deps) =>
    createAgentSpawner(
      {
        hosts: hosts.map((name) => ({ name })),
        transport: (host, account) =>
          createLocalTransport({
            // Nothing of what follows is read by a shell; account and host were checked before they come here.
            command: [
              program,
              ...['-F', configFile, '-T', '-x', '-a', '-l', account],
              ...['-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=yes', '-o', 'ClearAllForwardings=yes'],
              ...['-o', 'PermitLocalCommand=no', '-o', 'ServerAliveInterval=15', '--', host],
            ],
            env: deps.env,
            extra: environment ?? {},
            verbAs: 'argument',
            explain,
          }),
      },
      deps,
    ),
})
