/** What one shows an SSH host, and what one expects of it: read anew for each connection, so that a change takes hold. */
import { readFile } from 'node:fs/promises'
import ssh2, { type AgentAuthMethod, type OpenSSHAgent, type ParsedKey, type PublicKeyAuthMethod } from 'ssh2'
import { SeneschalError } from '../protocol/errors.ts'
import { hostKeysIn } from './known-hosts.ts'

/** An OpenSSH or PEM private key without passphrase, or one that an ssh-agent holds. */
export type SshKey =
  | Buffer
  | { readonly file: string }
  | {
      /** Its socket. */
      readonly agent: string
      /** OpenSSH public key line: no other of its keys is shown, for each would count as an attempt. */
      readonly publicKey: string
    }

/** OpenSSH public key lines, pinned, or a known_hosts file: no other key is accepted, none is trusted on first use. */
export type HostKeys = readonly string[] | { readonly knownHosts: string; readonly name: string }

/** One OpenSSH public key per line, as in `ssh_host_ed25519_key.pub`; a bad or empty list is `config.invalid`. */
export const parseHostKeys = (lines: readonly string[]): readonly ParsedKey[] => {
  if (lines.length === 0) throw new SeneschalError('config.invalid', 'No host key is pinned.')
  return lines.map(parsePublicKey)
}

const parsePublicKey = (line: string): ParsedKey => {
  const key = ssh2.utils.parseKey(line)
  if (key instanceof Error || key.isPrivateKey())
    throw new SeneschalError('config.invalid', `Not an OpenSSH public key: ${line.slice(0, 40)}…`)
  return key
}

const read = async (file: string): Promise<Buffer> => {
  try {
    return await readFile(file)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new SeneschalError('config.invalid', `${file} cannot be read: ${code}.`, { cause })
  }
}

/** Throws `host.key-unknown` where the file has no key of the host. */
export const loadHostKeys = async (source: HostKeys, port: number): Promise<readonly ParsedKey[]> => {
  if (!('knownHosts' in source)) return parseHostKeys(source)
  const { knownHosts, name } = source
  const lines = hostKeysIn((await read(knownHosts)).toString('utf8'), name, port)
  if (lines.length === 0)
    throw new SeneschalError('host.key-unknown', `${knownHosts} has no key of ${name}, port ${port}.`)
  return parseHostKeys(lines)
}

/** One key is one attempt in the host's eyes, whoever holds it. */
const agentWith = (socket: string, wanted: ParsedKey): OpenSSHAgent => {
  const agent = new ssh2.OpenSSHAgent(socket)
  const all = agent.getIdentities.bind(agent)
  agent.getIdentities = (callback) =>
    all((error, keys) => {
      const same = keys?.filter(
        (key) => 'getPublicSSH' in key && key.getPublicSSH().equals(wanted.getPublicSSH()),
      )
      callback(error, same)
    })
  return agent
}

/** OpenSSH public key line of a key that may be private, without comment. */
export const publicKeyLine = async (source: SshKey): Promise<string> => {
  const text = Buffer.isBuffer(source)
    ? source
    : 'agent' in source
      ? source.publicKey
      : await read(source.file)
  const key = ssh2.utils.parseKey(text)
  if (key instanceof Error)
    throw new SeneschalError('config.invalid', 'The SSH key is none, or has a passphrase.')
  return `${key.type} ${key.getPublicSSH().toString('base64')}`
}

export const loadSshKey = async (
  source: SshKey,
  username: string,
): Promise<PublicKeyAuthMethod | AgentAuthMethod> => {
  if ('agent' in source)
    return { type: 'agent', username, agent: agentWith(source.agent, parsePublicKey(source.publicKey)) }
  const key = ssh2.utils.parseKey(Buffer.isBuffer(source) ? source : await read(source.file))
  // Never the parser's own words: they may quote the key.
  if (key instanceof Error || !key.isPrivateKey())
    throw new SeneschalError('config.invalid', 'The SSH key is not a private key without passphrase.')
  return { type: 'publickey', username, key }
}
