/** Files and directories copied between the roots that the site names, and the account's own. */
import { allowed, type CopyStep, definePlugin, refused } from 'seneschal/plugin'

type Roots = Readonly<Record<'from' | 'to' | 'user', readonly string[]>>
type Place = CopyStep['from']

/** `ROOT:PATH`; what is neither a site's root nor one of the account's is none. */
const placeOf = (text: string, site: readonly string[], user: readonly string[]): Place | undefined => {
  const colon = text.indexOf(':')
  const [root, path] = [text.slice(0, colon), text.slice(colon + 1)]
  if (site.includes(root)) return { side: 'site', root, path }
  return user.includes(root) ? { side: 'user', root, path } : undefined
}

const isPlain = (path: string): boolean =>
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')

const ends = (
  args: { readonly source: string; readonly destination: string },
  { from, to, user }: Roots,
) => ({
  source: placeOf(args.source, from, user),
  destination: placeOf(args.destination, to, user),
})

const endOf = {
  type: 'string',
  maxLength: 4096,
  pattern: '^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}:[^\\0]+$',
} as const
const rootNames = {
  type: 'array',
  items: { type: 'string', pattern: '^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$' },
  maxItems: 100,
} as const

export default definePlugin({
  version: '1.0.0',
  help: `Copy a file or a directory.

Source and destination are ROOT:PATH, such as archive:2026/run7 or home:results/run7. In your own roots it reads and
writes as you. Checksums are compared on the way; what is interrupted goes on from where it was. Nothing is overwritten
unless you say so.`,
  arguments: {
    type: 'object',
    properties: {
      source: { ...endOf, description: 'ROOT:PATH of a file or directory' },
      destination: { ...endOf, description: 'ROOT:PATH of the copy itself, not of the directory for it' },
      overwrite: { type: 'boolean', default: false, description: 'replace files that are there' },
      verify: { type: 'boolean', default: false, description: 'read what was written once more' },
      sparse: { type: 'boolean', default: true, description: 'keep holes of files as holes' },
    },
    required: ['source', 'destination'],
  },
  positional: ['source', 'destination'],
  audit: { source: 'keep', destination: 'keep', overwrite: 'keep', verify: 'skip', sparse: 'skip' },
  settings: {
    type: 'object',
    properties: {
      from: { ...rootNames, default: [], description: "the site's roots from which may be copied" },
      to: { ...rootNames, default: [], description: "the site's roots to which may be copied" },
      user: { ...rootNames, default: ['home'], description: "the account's own roots" },
    },
  },
  authorize: ({ args }, settings) => {
    const { source, destination } = ends(args, settings)
    if (source === undefined) return refused(`Nothing is copied from ${args.source}.`)
    if (destination === undefined) return refused(`Nothing is copied to ${args.destination}.`)
    const odd = [source, destination].find(({ path }) => !isPlain(path))
    return odd === undefined ? allowed : refused(`${odd.path} is no plain path below ${odd.root}.`)
  },
  plan: (args, _request, settings) => {
    const { source, destination } = ends(args, settings)
    if (source === undefined || destination === undefined)
      return { kind: 'reject', reason: 'There is no such root.' }
    const { overwrite, verify, sparse } = args
    return { kind: 'copy', from: source, to: destination, overwrite, verify, sparse }
  },
  examples: [
    { args: { source: 'home:a', destination: 'home:b' }, expect: 'copy' },
    { args: { source: 'archive:a', destination: 'home:a' }, settings: { from: ['archive'] }, expect: 'copy' },
    {
      args: { source: 'home:a', destination: 'archive:a' },
      settings: { from: ['archive'] },
      expect: 'refused',
    },
    { args: { source: 'home:../a', destination: 'home:b' }, expect: 'refused' },
    { args: { source: 'home:/a', destination: 'home:b' }, expect: 'refused' },
    { args: { source: 'a', destination: 'home:b' }, expect: 'invalid' },
  ],
})
