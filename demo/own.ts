/** Copies keep the owner and the mode that files had in their place: these become whoever's installs them. */
import { chmodSync, lchownSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** A directory and all below it: owned by this process, writable by nobody else. */
export const own = (directory: string): void => {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()]
  if (uid === undefined || gid === undefined) return
  for (const name of ['', ...readdirSync(directory, { recursive: true, encoding: 'utf8' })]) {
    const path = join(directory, name)
    const found = lstatSync(path)
    lchownSync(path, uid, gid)
    if (!found.isSymbolicLink()) chmodSync(path, found.mode & 0o7755)
  }
}
