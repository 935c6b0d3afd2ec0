import { join } from 'node:path'
import type { SpawnSettings } from '../../protocol/agent.ts'

/** What an account's server needs of a daemon's site directory. */
export const siteDirectories = (site: string, account: string): SpawnSettings['site'] => ({
  inbox: join(site, 'requests/1_inbox'),
  temp: join(site, 'requests/0_temp'),
  feed: join(site, 'feed', account),
  jobEvents: join(site, 'requests/job_events', account),
})
