/** Filesystems of a test's own, that can be full, read-only or broken while everybody else's are well. */
import { execFileSync } from 'node:child_process'
import { closeSync, copyFileSync, mkdirSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../../durable/files.ts'

export type Filesystem = {
  /** Writes until nothing more fits. */
  readonly fill: () => void
  readonly makeRoom: () => void
  readonly end: () => void
}

const mount = (...args: readonly string[]): void => void execFileSync('mount', args, { stdio: 'pipe' })

/** Also while somebody works there: it goes when the last one does. */
const unmount = (dir: string): void => void execFileSync('umount', ['--lazy', dir], { stdio: 'pipe' })

/** Why there can be none here; false where there can. */
export const cannotMount: string | false = (() => {
  if (process.getuid?.() !== 0) return 'filesystems of its own need root'
  const dir = join('/tmp', `seneschal-mount-${process.pid}`)
  mkdirSync(dir)
  try {
    mount('-t', 'tmpfs', 'tmpfs', dir)
    unmount(dir)
    return false
  } catch {
    return 'nothing can be mounted here'
  } finally {
    rmSync(dir, { recursive: true })
  }
})()

/** In memory, of so many bytes. */
export const mountSmall = (dir: string, bytes: number): Filesystem => {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  mount('-t', 'tmpfs', '-o', `size=${bytes},mode=700`, 'tmpfs', dir)
  const ballast = join(dir, '.ballast')
  return {
    fill: () => {
      const fd = openSync(ballast, 'a')
      try {
        for (;;) writeSync(fd, Buffer.alloc(4096))
      } catch (thrown) {
        if (errnoOf(thrown) !== 'ENOSPC') throw thrown
      } finally {
        closeSync(fd)
      }
    },
    makeRoom: () => rmSync(ballast),
    end: () => unmount(dir),
  }
}

/** ext4 on a loop device, which can break as a disk does. */
export const mountDisk = (dir: string, image: string) => {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  closeSync(openSync(image, 'wx'))
  truncateSync(image, 16 * 1024 * 1024)
  execFileSync('mkfs.ext4', ['-q', '-F', image], { stdio: 'pipe' })
  mount('-o', 'loop', image, dir)
  return {
    /** As after an error of the disk: the kernel lets nobody write any more, through descriptors that are open either. */
    break: () => mount('-o', 'remount,abort', dir),
    /** What was on it, on a disk that works; nobody may be at work there meanwhile. */
    mend: () => {
      execFileSync('umount', [dir], { stdio: 'pipe' })
      // Of its own: a sandbox made meanwhile may have taken the mount into its namespace, and the broken one lives on.
      const sound = `${image}.mended`
      copyFileSync(image, sound)
      mount('-o', 'loop', sound, dir)
    },
    end: () => unmount(dir),
  }
}
