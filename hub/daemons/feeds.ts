/** How the hub reads each daemon's site feed: where it lies, or through the agent on the daemon's host. */
import { join } from 'node:path'
import { followSiteFeed, type SiteFeedSink } from '../../durable/site-feed.ts'
import { createSshGate } from '../../wire/ssh-gate.ts'
import { createSshTransport } from '../../wire/ssh-transport.ts'
import type { Transport } from '../../wire/transport.ts'
import type { DaemonConfig, SshFeed } from './config.ts'
import { keepFeed } from './kept-feed.ts'
import { followRemoteFeed } from './remote-feed.ts'

/** Tells the sink until the signal is aborted; then resolves. Never rejects. */
export type FollowFeed = (sink: SiteFeedSink, signal: AbortSignal) => Promise<void>

export const localFeed =
  (dir: string, pollMs = 1000): FollowFeed =>
  (sink, signal) =>
    followSiteFeed({ dir, pollMs, signal }, sink)

export const feedOf = (
  { name, directory, feed }: DaemonConfig,
  deps: {
    readonly transport: (to: SshFeed) => Transport
    readonly random: () => number
    /** Directory of the hub's own, for what feeds of other hosts said last. */
    readonly kept: string
    /** Whether the audit records that this daemon published before are known here. */
    readonly knowsRecords: (daemon: string) => boolean
    readonly warn: (context: Readonly<Record<string, unknown>>, message: string) => void
  },
): FollowFeed => {
  if (feed === undefined) return localFeed(join(directory, 'feed/site'))
  if ('path' in feed) return localFeed(feed.path)
  // Made here: what is wrong with its keys is told before anything is followed.
  const transport = deps.transport(feed.ssh)
  const noise = (text: string): void =>
    deps.warn({ daemon: name, text }, 'a login script printed before the agent spoke')
  const onProblem = (err: unknown): void =>
    deps.warn({ daemon: name, err }, 'what a feed said last cannot be kept, or cannot be read again')
  return (sink, signal) =>
    keepFeed(
      { file: join(deps.kept, `${name}.json`), goOn: deps.knowsRecords(name), onProblem },
      sink,
      (since, kept) => followRemoteFeed({ transport, random: deps.random, noise, since, signal }, kept),
    )
}

export const createFeedTransports = (deps: {
  readonly now: () => number
  readonly random: () => number
}): ((to: SshFeed) => Transport) => {
  const gate = createSshGate(deps)
  return ({ keyFile, ...to }) => createSshTransport({ ...to, privateKey: { file: keyFile }, gate })
}
