/** A person's groups on this host, asked through `id`, which knows of LDAP and sssd what the host knows. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Groups that somebody with this name has on the host; empty for nobody. Rejects where it cannot be told. */
export type UnixGroups = (name: string) => Promise<readonly string[]>

const run = promisify(execFile)
const options = { timeout: 5000, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } }
const onlyDigits = /^[0-9]+$/

type Ended = { readonly status: number; readonly stdout: string }

/** Rejects where the program did not run to its end. */
const ask = async (program: string, args: readonly string[]): Promise<Ended> => {
  try {
    return { status: 0, stdout: (await run(program, args, options)).stdout }
  } catch (thrown) {
    const { code, stdout } = thrown as { readonly code?: unknown; readonly stdout?: unknown }
    if (typeof code !== 'number' || typeof stdout !== 'string') throw thrown
    return { status: code, stdout }
  }
}

/**
 * Names end with NUL: a group may be called by several words, each of which is another group's name. `id` takes a
 * number for a uid, and nobody is called by one: whom the provider calls `0` is not root.
 */
export const unixGroupsById: UnixGroups = async (name) => {
  if (onlyDigits.test(name)) return []
  const { status, stdout } = await ask('id', ['-Gnz', '--', name])
  const told = stdout.split('\0').filter((group) => group !== '')
  const names = told.filter((group) => !onlyDigits.test(group))
  // A gid without a name is told as its number, with status 1.
  if (status === 0 || (status === 1 && names.length < told.length)) return names
  // The database's own word for somebody who is not in it is 2.
  if (told.length === 0 && (await ask('getent', ['passwd', '--', name])).status === 2) return []
  throw new Error(`id told no groups of ${name}: it ended with ${status}`)
}
