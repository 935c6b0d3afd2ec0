/** Whether the host ends what an account leaves running when its last login session closes. */
import { access, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Environment } from '../../wire/environment.ts'
import { isErrno } from './process.ts'

const readIfThere = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'EACCES')) return ''
    throw error
  }
}

const listIfThere = async (path: string): Promise<readonly string[]> => {
  try {
    return (await readdir(path)).toSorted()
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'EACCES')) return []
    throw error
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** A sentence for whoever starts something here; undefined where all is well. See logind.conf(5), loginctl(1). */
export const lingeringWarning = async (env: Environment, root = '/'): Promise<string | undefined> => {
  const dropIns = join(root, 'etc/systemd/logind.conf.d')
  const files = [
    join(root, 'etc/systemd/logind.conf'),
    ...(await listIfThere(dropIns))
      .filter((name) => name.endsWith('.conf'))
      .map((name) => join(dropIns, name)),
  ]
  const settings = (await Promise.all(files.map(readIfThere))).join('\n')
  const last = [...settings.matchAll(/^\s*KillUserProcesses\s*=\s*(\w+)/gm)].at(-1)?.[1]
  if (last === undefined || !/^(?:yes|true|on|1)$/i.test(last)) return undefined
  const user = env.USER ?? env.LOGNAME
  if (user !== undefined && (await exists(join(root, 'var/lib/systemd/linger', user)))) return undefined
  return 'This host ends what an account leaves running at logout (KillUserProcesses); an administrator should run loginctl enable-linger for it.'
}
