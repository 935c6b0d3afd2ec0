/** The environment that a child gets: what a login would set, and nothing that this process was told. */

const passed = [
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'TZ',
  'TMPDIR',
  'PATH',
] as const
const defaultPath = '/usr/local/bin:/usr/bin:/bin'

export type Environment = Readonly<Record<string, string | undefined>>

export const childEnvironment = (env: Environment): Record<string, string> => {
  const child: Record<string, string> = { PATH: defaultPath }
  for (const name of passed) {
    const value = env[name]
    if (value !== undefined && value !== '') child[name] = value
  }
  return child
}

/**
 * For processes that live for months: glibc gives memory back instead of keeping some in an arena for each thread, which
 * costs a server 20 MB and grows with all that it ever did (docs/performance.md). Other C libraries do not read it.
 */
export const thriftyAllocator = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '65536',
  MALLOC_TRIM_THRESHOLD_: '131072',
} as const
