/** SHA-256 of files below the roots that the site names, made by a job of the account that asks. */
import { allowed, definePlugin, refused } from 'seneschal/plugin'

/** Which root a path lies in by its own words; links are looked through by the job, which may go nowhere else. */
const rootOf = (path: string, roots: readonly string[]): string | undefined =>
  roots.find((root) => path === root || path.startsWith(root.endsWith('/') ? root : `${root}/`))

const isPlain = (path: string): boolean =>
  path.startsWith('/') && !path.split('/').some((part) => part === '.' || part === '..')

/**
 * Every path is resolved on the account's host and compared with the roots once more, before anything is read; what
 * is read is the resolved one. Roots and paths are arguments, never part of the text.
 */
const script = (roots: readonly string[], paths: readonly string[]): string => `#!/bin/sh
set -eu
set -- ${[String(roots.length), ...roots, ...paths].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')}
count=$1
shift
roots=
while [ "$count" -gt 0 ]; do
  roots="$roots$(realpath -e -- "$1")
"
  shift
  count=$((count - 1))
done
inside() {
  printf '%s' "$roots" | while IFS= read -r root; do
    case $1/ in "\${root%/}"/*) echo yes; break ;; esac
  done
}
for path do
  real=$(realpath -e -- "$path")
  if [ "$(inside "$real")" != yes ]; then
    printf '%s leads out of the roots\\n' "$path" >&2
    exit 3
  fi
  find -P "$real" -type f -exec sha256sum -- {} +
done
`

export default definePlugin({
  version: '1.0.0',
  help: `Print the SHA-256 checksums of files.

Paths are absolute and lie below the roots that the site names; of a directory, all files in it are read. It runs as
the account, so it reads what the account may read. The checksums are the job's output.`,
  arguments: {
    type: 'object',
    properties: {
      path: {
        type: 'array',
        items: { type: 'string', maxLength: 4096, pattern: '^/[^\\0\\n]*$' },
        minItems: 1,
        maxItems: 20,
        description: 'absolute paths of files or directories',
      },
    },
    required: ['path'],
  },
  positional: ['path'],
  audit: { path: 'keep' },
  settings: {
    type: 'object',
    properties: {
      roots: {
        type: 'array',
        items: { type: 'string', pattern: '^/[^\\0\\n]*$' },
        minItems: 1,
        maxItems: 50,
        description: 'absolute paths',
      },
      timeLimit: { type: 'integer', minimum: 1, maximum: 86400, default: 3600, description: 'seconds' },
    },
    required: ['roots'],
  },
  authorize: ({ args }, { roots }) => {
    const outside = args.path.find((path) => !isPlain(path) || rootOf(path, roots) === undefined)
    return outside === undefined ? allowed : refused(`${outside} is not below ${roots.join(', ')}.`)
  },
  plan: ({ path }, _request, { roots, timeLimit }) => ({
    kind: 'job',
    script: script(roots, path),
    timeLimitMs: timeLimit * 1000,
  }),
  examples: [
    { args: { path: ['/data/a'] }, settings: { roots: ['/data'] }, expect: 'job' },
    { args: { path: ['/data'] }, settings: { roots: ['/data'] }, expect: 'job' },
    { args: { path: ['/database/a'] }, settings: { roots: ['/data'] }, expect: 'refused' },
    { args: { path: ['/data/../etc/shadow'] }, settings: { roots: ['/data'] }, expect: 'refused' },
    { args: { path: ['data'] }, settings: { roots: ['/data'] }, expect: 'invalid' },
  ],
})
