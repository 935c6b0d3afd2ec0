/** Sites with real accounts whose test was killed before it could take them down: they stand in everybody's way. */
import { existsSync, globSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cleanSsh } from '../../demo/ssh.ts'

/** Directories of such sites begin like this; something random follows. */
export const siteParent = '/var/lib/seneschal-site-'

/** For whoever has the turn: only one site stands at a time, so all that are there are left over. */
export const removeLeftSites = async (): Promise<void> => {
  for (const parent of globSync(`${siteParent}*`)) {
    const site = join(parent, 'site')
    if (existsSync(join(site, 'created-accounts.json'))) await cleanSsh(site, () => undefined)
    rmSync(parent, { recursive: true, force: true })
  }
}
