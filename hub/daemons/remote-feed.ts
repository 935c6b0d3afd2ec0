/**
 * A daemon's site feed over a way that may break: followed from where it broke off, with growing pauses between tries.
 * What comes is believed as little as a file: checked line by line, and numbered without gaps or begun anew.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { FeedPlace, SiteFeedSink } from '../../durable/site-feed.ts'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import type { FeedSnapshot } from '../../protocol/feed.ts'
import {
  type FeedMessage,
  feedMessage,
  feedMessageLimit,
  feedTickInterval,
} from '../../protocol/feed-stream.ts'
import { openFeed } from '../../wire/agent-calls.ts'
import { createHeadReader, readLine } from '../../wire/head-reader.ts'
import type { Transport } from '../../wire/transport.ts'

export type RemoteFeed = {
  /** To the agent of role `feed` on the daemon's host; closed at the end. */
  readonly transport: Transport
  /** In [0, 1): spreads tries. */
  readonly random: () => number
  /** What a login script printed there. */
  readonly noise: (text: string) => void
  /** Where to go on from, as far as it was told before. */
  readonly since?: FeedPlace | undefined
  readonly signal: AbortSignal
  /** A way on which nothing was said for so long is dead, ms. */
  readonly deafAfter?: number
  /** Of one reset, all parts together, bytes; larger than any site. */
  readonly longestReset?: number
  /** The first pause before another try, and the longest, ms. */
  readonly pauses?: { readonly first: number; readonly longest: number }
}

const usualPauses = { first: 500, longest: 30_000 }

const parse = (line: string): FeedMessage => {
  try {
    return feedMessage.parse(JSON.parse(line))
  } catch (cause) {
    throw new SeneschalError('agent.failed', 'It said something unknown of its feed.', { cause })
  }
}

/** Follows until the signal is aborted; then resolves. Never rejects: what goes wrong is told and tried again. */
export const followRemoteFeed = async (road: RemoteFeed, sink: SiteFeedSink): Promise<void> => {
  const { transport, signal, deafAfter = feedTickInterval * 4, pauses = usualPauses } = road
  const longestReset = road.longestReset ?? 256 * 1024 * 1024
  let place = road.since
  /** Rows of a reset whose last part has not come, and what they came to. */
  let parts: FeedSnapshot['rows'][number][] = []
  let bytes = 0
  let tries = 0
  /** What is wrong, told once however often it is tried; null once all is well. */
  let told: string | null = null

  const tell = (problem: SeneschalError | null, kind: string | null = problem?.message ?? null): void => {
    if (kind === told) return
    told = kind
    sink.onProblem('feed', problem)
  }

  const forgetParts = (): void => {
    parts = []
    bytes = 0
  }

  const take = async (message: FeedMessage): Promise<void> => {
    switch (message.type) {
      case 'reset': {
        const { epoch, seq, rows, more } = message
        for (const row of rows) parts.push(row)
        if (more) return
        const all = parts
        forgetParts()
        place = { epoch, seq }
        return sink.onReset(all, place)
      }
      case 'lines': {
        const { lines } = message
        for (const { seq } of lines) {
          if (place === undefined || seq !== place.seq + 1)
            throw new SeneschalError('agent.failed', `Line ${seq} of its feed is not the next one.`)
          place = { ...place, seq }
        }
        return sink.onLines(lines)
      }
      case 'current':
        tell(null)
        return sink.onCurrent()
      case 'file':
        return sink.onFile(message.name, message.value)
      case 'problem': {
        const { of, detail } = message
        if (of !== 'feed') return sink.onProblem(of, new SeneschalError('feed.unavailable', detail ?? ''))
        return tell(detail === null ? null : new SeneschalError('feed.unavailable', detail))
      }
      case 'tick':
    }
  }

  const believe = async (line: string): Promise<void> => {
    try {
      bytes = parts.length === 0 ? line.length : bytes + line.length
      if (bytes > longestReset) throw new SeneschalError('agent.failed', 'Its feed begins without end.')
      await take(parse(line))
    } catch (thrown) {
      // Whoever says nonsense may have said it before: only a way that broke is gone on from.
      place = undefined
      throw thrown
    }
  }

  const listen = async (): Promise<never> => {
    const since = place === undefined ? {} : { since: place }
    const { stream } = await openFeed(transport, { version: 1, ...since }, { signal, noise: road.noise })
    forgetParts()
    const reader = createHeadReader(stream)
    // Counted in looks, so that a process which stood still does not take the other end for dead.
    let quietLooks = 0
    const deaf = setInterval(() => {
      quietLooks += 1
      if (quietLooks > 2) stream.destroy()
    }, deafAfter / 2)
    // A way that breaks at once, or whose far end says nonsense, has not come back.
    const steady = setTimeout(() => {
      tries = 0
    }, pauses.longest)
    const leave = (): void => void stream.destroy()
    signal.addEventListener('abort', leave, { once: true })
    try {
      for (;;) {
        const line = await readLine(reader, feedMessageLimit)
        if (line === undefined) throw new SeneschalError('lost.connection')
        quietLooks = 0
        await believe(line)
      }
    } finally {
      clearInterval(deaf)
      clearTimeout(steady)
      signal.removeEventListener('abort', leave)
      stream.destroy()
    }
  }

  while (!signal.aborted) {
    try {
      await listen()
    } catch (thrown) {
      if (signal.aborted) break
      const { code, message } = asSeneschalError(thrown)
      tell(new SeneschalError('feed.unavailable', message, { cause: thrown }), code)
    }
    const longest = Math.min(pauses.longest, pauses.first * 2 ** tries)
    tries = Math.min(tries + 1, 16)
    await pause(longest * (0.5 + road.random() / 2), undefined, { signal }).catch(() => undefined)
  }
  transport.close()
}
