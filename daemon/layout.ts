/** Where things lie below the site's root. */
import { join } from 'node:path'

/** Readable by the account's private group, which its UI server has. */
export const accountFeedMode = 0o750
/** Readable by the hub's group alone. */
export const siteFeedMode = 0o750

export type SiteLayout = {
  readonly requests: string
  readonly temp: string
  readonly inbox: string
  readonly processing: string
  readonly error: string
  readonly finished: string
  readonly jobEvents: (account: string) => string
  readonly state: string
  readonly audit: string
  readonly feed: string
  readonly siteFeed: string
  readonly publicFeed: string
  readonly accountFeed: (account: string) => string
}

export const siteLayout = (root: string): SiteLayout => {
  const requests = join(root, 'requests')
  const feed = join(root, 'feed')
  return {
    requests,
    temp: join(requests, '0_temp'),
    inbox: join(requests, '1_inbox'),
    processing: join(requests, '2_processing'),
    error: join(requests, '3_error'),
    finished: join(requests, '3_finished'),
    jobEvents: (account) => join(requests, 'job_events', account),
    state: join(root, 'state'),
    audit: join(root, 'audit'),
    feed,
    siteFeed: join(feed, 'site'),
    publicFeed: join(feed, 'public'),
    accountFeed: (account) => join(feed, account),
  }
}
