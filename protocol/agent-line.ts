/**
 * The agent's command line and the first line it answers: the part of the agent's protocol that needs no
 * schemas, apart from protocol/agent.ts so that an agent which only connects starts fast.
 *
 * A call is one exec request whose command is exactly `VERB NONCE`: sshd hands it to the forced command in
 * SSH_ORIGINAL_COMMAND. The role stands in the forced command itself, so a key cannot choose it.
 */

/** Raised only when an older agent could not understand a newer caller. */
export const agentProtocol = 1

const verbsOfRole = {
  /** The hub's key: life of the account's UI server, on this host or as a job of its cluster, and the way to it. */
  hub: ['start', 'connect', 'status', 'stop', 'stats', 'version', 'submit', 'queue', 'cancel'],
  /** The daemon's key: the way to the account's job supervisor, and how the host sees the site. */
  daemon: ['jobs', 'facts', 'version'],
  /** A hub's key on a daemon's host that it mounts nothing of: the site feed, and its own signed orders. */
  feed: ['feed', 'order', 'version'],
} as const satisfies Record<string, readonly string[]>

export type AgentRole = keyof typeof verbsOfRole
export type AgentVerb = (typeof verbsOfRole)[AgentRole][number]

export const agentVerbs: Readonly<Record<AgentRole, readonly AgentVerb[]>> = verbsOfRole

/** The hub's verbs that need `--slurm` in the forced command: a key without it reaches no cluster. */
export const slurmVerbs: ReadonlySet<AgentVerb> = new Set(['submit', 'queue', 'cancel'])

export const isAgentRole = (value: unknown): value is AgentRole =>
  typeof value === 'string' && Object.hasOwn(verbsOfRole, value)

/** The nonce: 128 random bits in hex, new for each call; what a login script prints cannot contain them. */
const commandPattern = /^([a-z]{1,16}) ([0-9a-f]{32})$/

export const formatAgentCommand = (verb: AgentVerb, nonce: string): string => `${verb} ${nonce}`

export type AgentCommand = {
  readonly nonce: string
  /** Undefined where the role has no such verb: the agent still answers, with `agent.refused`. */
  readonly verb: AgentVerb | undefined
}

/** Undefined for whatever is not exactly `VERB NONCE`: a shell command, a subsystem, trailing white space. */
export const parseAgentCommand = (role: AgentRole, command: string): AgentCommand | undefined => {
  const match = commandPattern.exec(command)
  if (match === null) return undefined
  const [, word, nonce] = match
  if (word === undefined || nonce === undefined) return undefined
  return { nonce, verb: agentVerbs[role].find((verb) => verb === word) }
}

/**
 * The agent's first bytes. Whatever came before them (a login script that prints) is dropped and kept to be
 * shown; it may end without a newline, so the line is searched as bytes, not by lines.
 */
export const formatPreamble = (nonce: string, protocol: number = agentProtocol): string =>
  `seneschal-agent/${protocol} ${nonce}\n`

/** The preamble's last bytes: what a reader looks for. */
export const preambleEnd = (nonce: string): string => ` ${nonce}\n`

/**
 * Text up to and including `preambleEnd`, as latin1, → what came before the preamble. Undefined where that end
 * belongs to something else, such as a login script that prints SSH_ORIGINAL_COMMAND.
 */
export const parsePreamble = (
  text: string,
  nonce: string,
): { readonly noise: string; readonly protocol: number } | undefined => {
  const match = /seneschal-agent\/([1-9]\d{0,3})$/.exec(text.slice(0, -preambleEnd(nonce).length))
  return match === null ? undefined : { noise: text.slice(0, match.index), protocol: Number(match[1]) }
}

/** Bytes that may come before the preamble. */
export const noiseLimit = 64 * 1024
/** Longest line of JSON in either direction, bytes. */
export const agentLineLimit = 256 * 1024
