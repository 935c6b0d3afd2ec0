/**
 * The life of one account's UI server: off → starting → on → (stopping) → off, or failed with the reason.
 *
 * Two rules hold it together. What may run somewhere is in the store before it is launched and until it is known
 * to be gone. And only an answer says that a server is gone: a question that failed says nothing.
 */
import type { Duplex } from 'node:stream'
import type { ProgressEvent } from '../../protocol/api.ts'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import type { ServerRow, ServerState } from '../../protocol/rows.ts'
import { version as productVersion } from '../../protocol/version.ts'
import type { Handle } from '../../spawners/contract.ts'
import type { Viewer } from '../context.ts'
import type { StoredServer } from '../store/servers.ts'
import { createDoubt } from './doubt.ts'
import { createInterest } from './interest.ts'
import { type Incarnation, launch } from './launch.ts'
import type { Left } from './left.ts'
import { createLooker } from './look.ts'
import { createProgress } from './progress.ts'
import { createPulse } from './pulse.ts'
import { createServerRecords } from './records.ts'
import type { ServersParts } from './servers.ts'
import { beyondReach, onTheRoad } from './troubles.ts'
import type { Turns } from './turns.ts'
import { createBench, type Start } from './work.ts'

export type Life = {
  readonly row: () => ServerRow
  readonly ensure: (viewer: Viewer) => Promise<void>
  readonly stop: (viewer: Viewer) => Promise<void>
  /** Ends it, and starts it where servers go now if somebody looks. Rejects where it did not come up again. */
  readonly move: (viewer: Viewer) => Promise<void>
  readonly watched: () => boolean
  /** As the last look found it. */
  readonly found: () => FoundServer | undefined
  /** Whether that run is the one that runs, may still run, or is being started. */
  readonly isPresent: (run: Pick<StoredServer, 'instance' | 'host'>) => boolean
  /** Its own last lines; none where it is off. */
  readonly log: () => Promise<readonly string[]>
  readonly dial: (signal?: AbortSignal) => Promise<Duplex>
  /** Of the running server; `server.starting` or `server.off` where there is none. */
  readonly instance: () => string
  readonly onProgress: (listener: (event: ProgressEvent) => void) => () => void
  readonly suspect: () => void
  readonly watch: () => () => void
  readonly touch: () => void
  /** Takes up what an earlier hub left. */
  readonly adopt: (stored: StoredServer) => Promise<void>
  readonly close: () => Promise<void>
}

/** At that time, epoch ms. */
export type FoundServer = { readonly version: string; readonly memory: number | null; readonly at: number }

/** A stop that takes longer has failed, ms. */
const stopPatience = 15_000
const clearPatience = 8000
/** A server that is in trouble is looked at again so soon, and less often the longer it lasts: looks cost its host, ms. */
const soonAgain = 2000
const latestAgain = 10_000

const waitingText = (before: number): string =>
  before === 0
    ? 'Waiting for its turn: it is the next.'
    : `Waiting for its turn: ${before === 1 ? 'one comes' : `${before} come`} before.`

export const createLife = (
  account: string,
  parts: ServersParts & { readonly turns: Pick<Turns, 'take'>; readonly left: Pick<Left, 'leave'> },
  onChange: (row: ServerRow) => void,
): Life => {
  const { store, now, log, version: ownVersion = productVersion } = parts
  const spawner = parts.spawner(account)
  const interest = createInterest(now)
  const records = createServerRecords(account, parts)
  const doubt = createDoubt(spawner, log)
  const looker = createLooker(spawner, now)
  const bench = createBench((kind, err) => log.warn({ err, account }, `${kind} failed`))
  const isFree = () => bench.present() === undefined
  let row: ServerRow = {
    ...{ account, state: 'off', host: null, since: now(), code: null, reason: null, version: null },
  }
  let found: FoundServer | undefined
  const progress = createProgress({ state: 'off', message: 'The server is off.', at: now(), code: null })
  /** The one that runs, may still run, or is being started. */
  let present: Incarnation | undefined
  /** Aborted when that one is lost: whoever waits for a stream to it waits no more. */
  let over = new AbortController()
  let asking: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  /** It ended, or did not come up, though nobody wanted that. */
  let lost = false
  /** A revival waits for its time. */
  let reviving = false
  let closed = false

  const become = (state: ServerState, message: string, trouble?: SeneschalError) => {
    const since = state === row.state ? row.since : now()
    const host = state === 'off' ? null : (present?.host ?? null)
    if (state !== 'on') found = undefined
    const version = found === undefined || found.version === ownVersion ? null : found.version
    const [code, reason] = trouble === undefined ? [null, null] : [trouble.code, trouble.message]
    row = { account, state, host, since, code, reason, version }
    progress.tell({ state, message, at: now(), code: row.code })
    onChange(row)
  }

  const pulse = createPulse({
    dial: (signal) => spawner.dial(running().handle, signal),
    wanted: () => row.state === 'on' && isFree() && interest.looking(),
    onSlow: () => doubtHost(),
    onSilence: () => {
      doubtHost()
      if (row.state !== 'on' || !isFree()) return
      if (row.code === null) become('on', 'The server does not answer.', new SeneschalError('server.timeout'))
      look()
    },
    onAnswer: () => {
      if (row.state === 'on' && isFree() && row.code !== null) become('on', 'The server answers again.')
    },
    everyMs: parts.pulseMs ?? soonAgain,
  })

  const save = async (state: StoredServer['state'], incarnation: Incarnation): Promise<void> => {
    present = incarnation
    await store.put({ account, state, since: row.since, ...incarnation })
  }
  const forget = async (): Promise<void> => {
    present = undefined
    await store.remove(account)
  }

  /** It is gone. As long as somebody wants it back it stays stored: else a hub that follows would not know of it. */
  const lose = async (): Promise<void> => {
    lost = true
    present = undefined
    over.abort(new SeneschalError('server.off'))
    over = new AbortController()
    if (!interest.watched()) await store.remove(account)
  }

  /** Where it was it may go on: nobody knows. */
  const leaveBehind = async ({ instance, host, handle }: Incarnation): Promise<void> => {
    if (host !== null && handle !== null)
      await parts.left.leave({ account, instance, host, handle, since: now() })
  }

  const after = (ms: number, act: () => void) => {
    clearTimeout(timer)
    if (closed) return
    timer = setTimeout(act, ms)
    timer.unref()
  }

  const start = async (abort: AbortController, viewer: Viewer | undefined): Promise<void> => {
    let leave: (() => void) | undefined
    let limit: NodeJS.Timeout | undefined
    try {
      const onPlace = (before: number) => become('starting', waitingText(before))
      leave = await parts.turns.take(viewer?.person, onPlace, abort.signal)
      // Whoever waited has all the time that others have.
      limit = setTimeout(
        () => abort.abort(new SeneschalError('spawn.timeout')),
        parts.startTimeoutMs ?? 30_000,
      )
      await records.intended(viewer)
      // One that may still run is asked for again: a new name beside it would make two.
      const first = present ?? { instance: parts.instanceId(), handle: null, host: null }
      await save('starting', first)
      const saveHandle = async (incarnation: Incarnation) => {
        if (present?.host !== incarnation.host && present?.handle != null) await leaveBehind(present)
        await save('starting', incarnation)
      }
      const say = (text: string) => become('starting', text)
      await save('on', await launch(account, first, parts, saveHandle, say, abort.signal))
    } catch (thrown) {
      const error = asSeneschalError(abort.signal.aborted ? abort.signal.reason : thrown)
      return await failStart(error, viewer, leave !== undefined)
    } finally {
      clearTimeout(limit)
      leave?.()
    }
    become('on', 'The server is running.')
    await records.spawned(viewer)
  }

  /** Who gave up while waiting for a turn began nothing that could be recorded as failed. */
  const failStart = async (
    error: SeneschalError,
    viewer: Viewer | undefined,
    hadItsTurn: boolean,
  ): Promise<never> => {
    lost = true
    interest.failed(onTheRoad.has(error.code))
    if (error.code === 'internal') log.error({ err: error.cause, account }, 'a start failed unexpectedly')
    become('failed', error.message, error)
    if (hadItsTurn) await records.failed(error, viewer)
    throw error
  }

  /** Ends what a failed start may have left. What cannot be reached stays stored and is found by the next start. */
  const clear = async (failure: SeneschalError): Promise<void> => {
    const left = present
    if (left === undefined) return
    if (left.handle !== null && beyondReach.has(failure.code)) return
    if (left.handle !== null) await spawner.stop(left.handle, AbortSignal.timeout(clearPatience))
    await lose()
  }

  const begin = (viewer: Viewer | undefined): Start => {
    clearTimeout(timer)
    lost = false
    reviving = false
    const abort = new AbortController()
    progress.restart()
    become('starting', viewer === undefined ? 'Starting the server again.' : 'Starting the server.')
    return bench.begin(abort, start(abort, viewer), (failure) => {
      if (failure === undefined) return lookLater()
      // How it failed stands in the row.
      bench.engage('clear', clear(asSeneschalError(failure))).catch(() => undefined)
      reviveIfWatched()
    })
  }

  const reviveIfWatched = () => {
    if (reviving || !interest.watched()) return
    reviving = true
    after(interest.wait(), async () => {
      reviving = false
      await bench.present()?.done
      if (closed || !isFree() || row.state === 'on' || !interest.watched()) return
      await begin(undefined).done
    })
  }

  /** It is known to be gone, or as good as gone, without anybody having asked for it. */
  const ended = async (message: string, trouble?: SeneschalError): Promise<void> => {
    // A host that is gone says nothing about what ran there.
    if (trouble === undefined || !onTheRoad.has(trouble.code)) interest.lived(now() - row.since)
    const gone = lose()
    become(trouble === undefined ? 'off' : 'failed', message, trouble)
    await gone
    await records.ended(row.code, message)
    reviveIfWatched()
  }

  /** A server whose host says nothing at all, while others do, is started on one of those for who looks at it. */
  const doubtHost = (): void => {
    const doubted = present
    if (doubted?.handle == null) return
    doubt.host(doubted.handle, async () => {
      const isSame = present === doubted && row.state === 'on' && isFree()
      const isUnheard = pulse.silent() || row.code !== null
      if (!isSame || !isUnheard || closed || !interest.watched()) return
      log.warn(
        { account, host: doubted.host },
        'a host is not heard any more; its server is started elsewhere',
      )
      const why = new SeneschalError('host.unreachable', 'It is started on another.')
      const gone = async () => {
        await leaveBehind(doubted)
        await ended('The host of the server does not answer.', why)
      }
      await bench.engage('clear', gone())
    })
  }

  /** After an upgrade: one that nobody looks at makes room for the new one, any other says so. */
  const heedVersion = async (handle: Handle): Promise<void> => {
    if (found === undefined || found.version === ownVersion) return
    const { version } = found
    if (interest.watched()) {
      if (row.version !== version)
        become('on', `The server is of version ${version}, and this hub of another.`)
      return
    }
    const replaced = async () => {
      await spawner.stop(handle, AbortSignal.timeout(stopPatience))
      await forget()
      become('off', 'The server was of another version than the hub.')
      await records.stopped(undefined, { tail: `as it was of version ${version}` })
    }
    await bench.engage('stop', replaced())
  }

  const ask = async (): Promise<void> => {
    const asked = present
    if (asked?.handle == null || row.state !== 'on') return
    const { handle, instance } = asked
    const verdict = await looker.look(handle)
    if (present !== asked || row.state !== 'on' || !isFree()) return
    switch (verdict.is) {
      case 'unknown': {
        const { trouble } = verdict
        if (interest.watched()) doubtHost()
        if (row.code === trouble.code) return
        log.warn({ err: trouble, account }, 'the server could not be asked whether it lives')
        return become('on', 'The server cannot be asked whether it lives.', trouble)
      }
      case 'gone':
        log.info({ account, instance, lines: verdict.log }, 'a server ended')
        return await bench.engage('clear', ended('The server ended.'))
      case 'hung': {
        const stopped = spawner.stop(handle, AbortSignal.timeout(stopPatience))
        const hung = () => ended('The server did not answer any more.', new SeneschalError('server.timeout'))
        return await bench.engage('stop', stopped.then(hung))
      }
      case 'silent':
        return
      case 'running':
        found = { version: verdict.version, memory: verdict.memory, at: now() }
        if (row.code !== null && !pulse.silent()) become('on', 'The server answers again.')
        return await heedVersion(handle)
    }
  }

  const look = (): void => {
    asking ??= ask()
      .catch((err) => log.error({ err, account }, 'looking after a server failed'))
      .finally(() => {
        asking = undefined
        lookLater()
      })
  }
  const lookLater = () => {
    const usual = parts.pollMs ?? 60_000
    const silent = looker.silentLooks()
    const isUrgent = silent > 0 || (row.code !== null && interest.watched())
    const soon = Math.min(soonAgain * Math.max(1, silent), latestAgain)
    // How a server that came up just now is doing is known soon too, and not while a hundred others come up.
    const next = isUrgent ? soon : found === undefined && row.code === null ? latestAgain : usual
    if (row.state === 'on') after(Math.min(usual, next), look)
  }

  /** Whoever comes for it and finds it gone was looking at it, whatever this hub remembers. */
  const suspect = () => {
    if (!lost) return look()
    interest.touch()
    reviveIfWatched()
  }

  const isOn = () => row.state === 'on'
  const running = () => {
    if (row.state === 'starting') throw new SeneschalError('server.starting')
    if (row.state !== 'on' || present?.handle == null) throw new SeneschalError('server.off')
    return { instance: present.instance, handle: present.handle }
  }

  const halt = async (viewer: Viewer, isMoved = false): Promise<void> => {
    if (row.state === 'off') {
      lost = false
      return await forget()
    }
    const left = present
    const before = row.state
    lost = false
    become('stopping', 'Stopping the server.')
    try {
      if (left?.handle != null) await spawner.stop(left.handle, AbortSignal.timeout(stopPatience))
    } catch (thrown) {
      const error = asSeneschalError(thrown)
      become(before, 'The server could not be stopped.', error)
      lookLater()
      throw error
    }
    await forget()
    if (!isMoved) become('off', 'The server was stopped.')
    await records.stopped(viewer, isMoved ? { tail: 'to move it' } : undefined)
  }

  const interrupt = async (): Promise<void> => {
    clearTimeout(timer)
    reviving = false
    bench.abort(new SeneschalError('server.off', 'It was stopped while it started.'))
    await bench.free()
    clearTimeout(timer)
    reviving = false
  }

  const take = async (found: Incarnation): Promise<void> => {
    // Wanted, and not launched; or gone by now. Whoever looked at it comes again.
    if (found.handle === null) {
      lost = true
      return
    }
    present = found
    become('starting', 'Looking for the server that was running.')
    const verdict = await looker.look(found.handle)
    if (verdict.is === 'gone') {
      lost = true
      present = undefined
      return become('off', 'The server ended while the hub was away.')
    }
    await save('on', found)
    const trouble = verdict.is === 'unknown' ? verdict.trouble : undefined
    become('on', trouble === undefined ? 'The server is running.' : 'The server cannot be asked.', trouble)
    lookLater()
  }

  const listenNoMore = spawner.onLost?.((instance) => {
    if (instance === present?.instance) look()
  })

  pulse.start()
  return {
    row: () => row,
    instance: () => running().instance,
    ensure: async (viewer) => {
      for (;;) {
        if (closed) throw new SeneschalError('server.off', 'The hub is ending.')
        const work = bench.present()
        if (work !== undefined && 'result' in work) return await work.result
        if (work === undefined && row.state === 'on') return
        if (work === undefined) return await begin(viewer).result
        // Whoever tries again sees that at once, and not the failure of the last try.
        if (work.kind === 'clear' && row.state !== 'starting') {
          progress.restart()
          become('starting', 'Ending what the last try left.')
        }
        await work.done
      }
    },
    stop: async (viewer) => {
      await interrupt()
      await bench.engage('stop', halt(viewer))
    },
    move: async (viewer) => {
      const isWanted = interest.watched() || row.state === 'starting'
      await interrupt()
      await bench.engage('stop', halt(viewer, isWanted))
      if (!isWanted || closed) return
      await bench.free()
      const work = bench.present()
      // Whoever came in between started it.
      if (work !== undefined && 'result' in work) await work.result
      else if (work === undefined && !isOn()) await begin(undefined).result
    },
    watched: interest.watched,
    found: () => found,
    isPresent: ({ instance, host }) => present?.instance === instance && present.host === host,
    log: async () =>
      present?.handle == null
        ? []
        : ((await spawner.log?.(present.handle, AbortSignal.timeout(clearPatience))) ?? []),
    dial: async (signal) => {
      const { handle } = running()
      try {
        return await spawner.dial(
          handle,
          signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]),
        )
      } catch (thrown) {
        if (signal?.aborted !== true) look()
        throw thrown
      }
    },
    onProgress: progress.listen,
    suspect,
    watch: () => {
      const leave = interest.watch()
      // It failed before its looker was here: the answer to a start may be faster than the way to its progress.
      if (lost) reviveIfWatched()
      return leave
    },
    touch: interest.touch,
    adopt: ({ instance, host, handle }) => bench.engage('adopt', take({ instance, host, handle })),
    close: async () => {
      closed = true
      listenNoMore?.()
      pulse.stop()
      clearTimeout(timer)
      bench.abort(new SeneschalError('server.off', 'The hub is ending.'))
      await bench.free()
      await asking
      clearTimeout(timer)
    },
  }
}
