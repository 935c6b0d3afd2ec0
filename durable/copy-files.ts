/** Copies of files that somebody else may be writing to, and of what an administrator wrote. */
import { constants } from 'node:fs'
import { chmod, copyFile, mkdir, open, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncDir } from './files.ts'

/** A copy of a file as it is now, on disk when it resolves. Shares blocks where the filesystem can. */
export const copyDurably = async (from: string, to: string, mode: number): Promise<void> => {
  await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  await chmod(to, mode)
  const file = await open(to, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Regular files alone, links followed, at most so deep. Resolves to how many. */
export const copyTree = async (
  from: string,
  to: string,
  modes: { readonly file: number; readonly directory: number },
  depth = 10,
): Promise<number> => {
  await mkdir(to, { mode: modes.directory })
  let count = 0
  for (const name of await readdir(from)) {
    const source = join(from, name)
    const found = await stat(source)
    if (found.isFile()) {
      await copyDurably(source, join(to, name), modes.file | (found.mode & 0o100))
      count += 1
    } else if (found.isDirectory() && depth > 0)
      count += await copyTree(source, join(to, name), modes, depth - 1)
  }
  await syncDir(to)
  await syncDir(dirname(to))
  return count
}
