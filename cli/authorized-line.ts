/** The line of authorized_keys for one of our keys: it may run one program with one role, and nothing else. */

import type { AgentRole } from '../protocol/agent-line.ts'
import { SeneschalError } from '../protocol/errors.ts'

/** Nothing that sshd or the account's shell would read as more than one word; `~` would be the account's own home. */
const plainPath = /^\/[A-Za-z0-9_.@%+=:,/-]*$/
/** Patterns of sshd's `from`: addresses, names, `*`, `?`, `!` and CIDR, separated by commas. */
const plainFrom = /^[A-Za-z0-9_.:*?!/,-]+$/

const mustMatch = (pattern: RegExp, name: string, value: string): string => {
  if (pattern.test(value)) return value
  throw new SeneschalError('usage', `--${name}: ${JSON.stringify(value)} cannot stand in authorized_keys.`)
}

export const authorizedLine = (wanted: {
  readonly role: AgentRole
  /** OpenSSH public key line without comment. */
  readonly publicKey: string
  /** The installation's `seneschal` on the account's host, absolute. */
  readonly program: string
  /** The site directory, for the role `feed`. */
  readonly site?: string | undefined
  /** Where Slurm's commands are, for the role `hub`. */
  readonly slurm?: string | undefined
  /** Only connections from there; without it, from anywhere. */
  readonly from?: string | undefined
}): string => {
  const { role, publicKey, program, site, slurm, from } = wanted
  const words = [
    mustMatch(plainPath, 'program', program),
    ...['agent', '--role', role],
    ...(site === undefined ? [] : ['--site', mustMatch(plainPath, 'site', site)]),
    ...(slurm === undefined ? [] : ['--slurm', mustMatch(plainPath, 'slurm', slurm)]),
  ]
  const options = [
    'restrict',
    ...(from === undefined ? [] : [`from="${mustMatch(plainFrom, 'from', from)}"`]),
    `command="${words.join(' ')}"`,
  ]
  return `${options.join(',')} ${publicKey} seneschal-${role}`
}
