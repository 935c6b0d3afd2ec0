/** The site's directories that no account has to itself, with their modes. */
import { dirname } from 'node:path'
import { siteLayout } from './layout.ts'

export type Directory = {
  readonly path: string
  readonly mode: number
  /** Without it, the service account's own. */
  readonly gid?: number
}

/** Anybody may put something in, nobody may take away what is another's, and it gets the directory's group. */
const dropBoxMode = 0o3777
const publishedMode = 0o775
const privateMode = 0o700

/** In the order in which they are made. */
export const sharedDirectories = (root: string): readonly Directory[] => {
  const at = siteLayout(root)
  return [
    { path: root, mode: 0o755 },
    { path: at.requests, mode: 0o755 },
    { path: at.temp, mode: dropBoxMode },
    { path: at.inbox, mode: dropBoxMode },
    { path: at.processing, mode: publishedMode },
    { path: at.error, mode: publishedMode },
    { path: at.finished, mode: publishedMode },
    { path: dirname(at.jobEvents('any')), mode: 0o755 },
    { path: at.state, mode: privateMode },
    { path: at.audit, mode: privateMode },
    { path: at.feed, mode: 0o755 },
    { path: at.publicFeed, mode: 0o755 },
  ]
}
