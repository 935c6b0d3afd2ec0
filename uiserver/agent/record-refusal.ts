/**
 * What a key was refused is told to the host's system log, which neither the key's holder nor the account can change,
 * and kept beside the account's run directory, for hosts without one. (sshd has the agent's stderr go to whoever asked.)
 */
import { execFile } from 'node:child_process'
import { appendFile, mkdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { AgentRole } from '../../protocol/agent-line.ts'
import type { Environment } from '../../wire/environment.ts'
import { isErrno } from './process.ts'

export type Refusal = {
  readonly role: AgentRole
  /** What was asked for, made safe for a line of text. */
  readonly asked: string
}

export type RecordSettings = {
  readonly env: Environment
  readonly now: () => number
  /** Absolute path of a `logger` as POSIX has it. */
  readonly logger?: string
}

/** Two files of this size at most: whoever holds a key may try for ever, bytes. */
const largestFile = 256 * 1024

const addressOf = (env: Environment): string => {
  const [address = ''] = (env.SSH_CONNECTION ?? '').split(' ')
  return /^[0-9A-Fa-f.:%]{1,64}$/.test(address) ? address : 'unknown'
}

const keep = async (home: string, record: Readonly<Record<string, string>>): Promise<void> => {
  const directory = join(home, '.seneschal')
  const path = join(directory, 'refused.ndjson')
  await mkdir(directory, { recursive: true, mode: 0o700 })
  try {
    if ((await stat(path)).size > largestFile) await rename(path, `${path}.1`)
  } catch (error) {
    // The first one, or somebody else's agent has just moved it.
    if (!isErrno(error, 'ENOENT')) throw error
  }
  await appendFile(path, `${JSON.stringify(record)}\n`, { mode: 0o600 })
}

/** Resolves with what could not be recorded, as text for the agent's own stderr. */
export const recordRefusal = async (
  { role, asked }: Refusal,
  { env, now, logger = '/usr/bin/logger' }: RecordSettings,
): Promise<readonly string[]> => {
  const from = addressOf(env)
  const line = `refused role=${role} from=${from} asked=${asked}`
  const record = { at: new Date(now()).toISOString(), role, from, asked }
  const told = promisify(execFile)(logger, ['-t', 'seneschal-agent', '-p', 'authpriv.warning', '--', line], {
    env: {},
    timeout: 2000,
  })
  const kept = env.HOME === undefined ? Promise.resolve() : keep(env.HOME, record)
  const results = await Promise.allSettled([told, kept])
  return results.flatMap((result, index) =>
    result.status === 'fulfilled'
      ? []
      : [`${index === 0 ? 'the system log' : 'the account’s record'}: ${String(result.reason)}`],
  )
}
