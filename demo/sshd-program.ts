/** Where sshd is: the system's, or the one that set-up unpacked beside the checkout because installing starts it. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

export type SshdProgram = { readonly path: string; readonly env: Readonly<Record<string, string>> }

const unpacked = join(dirname(import.meta.dirname), '.cache/openssh')
const plain = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }

/** undefined where there is none. */
export const sshdProgram = (): SshdProgram | undefined => {
  if (existsSync('/usr/sbin/sshd')) return { path: '/usr/sbin/sshd', env: plain }
  const path = join(unpacked, 'usr/sbin/sshd')
  if (!existsSync(path)) return undefined
  const libraries = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((name) => join(unpacked, 'usr/lib', name))
  return { path, env: { ...plain, LD_LIBRARY_PATH: libraries.join(':') } }
}
