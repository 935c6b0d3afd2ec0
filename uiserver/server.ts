/** The server of one account, put together; it is given byte streams and asked nothing about where they come from. */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { JSONWebKeySet } from 'jose'
import { WebSocketServer } from 'ws'
import { followFeed } from '../durable/feed-follower.ts'
import { ensureDir } from '../durable/files.ts'
import type { ServerSettings } from '../protocol/agent.ts'
import { asSeneschalError, SeneschalError } from '../protocol/errors.ts'
import { workflowName } from '../protocol/ids.ts'
import { assertionMaxLength } from '../protocol/tokens.ts'
import { rawRefusal } from '../wire/raw-refusal.ts'
import { parseTarget } from '../wire/target.ts'
import { createVerifier } from '../wire/tokens.ts'
import { createAdmission } from './admission.ts'
import { errorBodyOf, optional, sendJson, whole } from './exchange.ts'
import { openHistory } from './history.ts'
import { createIdle } from './idle.ts'
import { createModel } from './model.ts'
import { followPermissions } from './permissions.ts'
import { findRoute, type Route } from './router.ts'
import { actionRoutes } from './routes/actions.ts'
import { jobRoutes } from './routes/jobs.ts'
import { logRoutes } from './routes/logs.ts'
import { searchRoutes } from './routes/search.ts'
import { workflowRoutes } from './routes/workflows.ts'
import { createStreams } from './streams.ts'

export type UiServerParts = {
  readonly settings: ServerSettings
  /** The account's home directory. */
  readonly home: string
  /** Epoch ms. */
  readonly now: () => number
  readonly log: (message: string, error?: unknown) => void
  /** What a missed wake-up costs at most, ms. */
  readonly pollMs?: number | undefined
  readonly assertionMayLast?: number | undefined
}

export type UiServer = {
  /** A fresh byte stream of the hub: HTTP/1.1 is spoken on it. */
  readonly accept: (stream: Duplex) => void
  /** Resolves when feed and permissions were read for the first time. */
  readonly loaded: Promise<void>
  /** Resolves when nobody used it for `idleMinutes`. */
  readonly idle: Promise<void>
  readonly close: () => Promise<void>
}

const pollMsDefault = 2000
/** All that the hub says beside its assertion, bytes. */
const otherHeaders = 16 * 1024

/** The history's file; in memory where the account's state directory cannot be used. */
const historyFile = async ({ settings, home, log }: UiServerParts): Promise<string> => {
  const dir = join(settings.stateDir ?? join(home, '.seneschal', 'state'), settings.account)
  try {
    await ensureDir(dir, { mode: 0o700 })
    return join(dir, 'history.sqlite')
  } catch (thrown) {
    log('the history is kept in memory alone', thrown)
    return ':memory:'
  }
}

export const createUiServer = async (parts: UiServerParts): Promise<UiServer> => {
  const { settings, now, log } = parts
  const { account, site } = settings
  const pollMs = parts.pollMs ?? pollMsDefault
  const jobRoot = settings.jobRoot ?? join(parts.home, 'seneschal-run')
  const ending = new AbortController()
  const { signal } = ending
  const feedLoaded = Promise.withResolvers<void>()
  const permissionsLoaded = Promise.withResolvers<void>()

  const verifier = createVerifier({ jwks: settings.hubKeys as JSONWebKeySet, issuer: settings.issuer, now })
  const model = createModel({
    onBadRow: (kind, key, why) => log(`a row makes no sense: ${kind} ${key}`, why),
  })
  const permissions = followPermissions({
    file: join(site.feed, 'permissions.json'),
    now,
    pollMs,
    signal,
    onProblem: (error) => log(error === null ? 'permissions are read again' : 'permissions', error),
  })
  permissions.onChange(permissionsLoaded.resolve)
  const audience = `${account}/${settings.instance}`
  const admission = createAdmission({ account, audience, verifier, permissions, model })
  const history = openHistory({
    file: await historyFile(parts),
    feed: site.feed,
    onProblem: (error) => log('history', error),
  })
  const streams = createStreams({
    account,
    model,
    permissions,
    admission,
    now,
    assertionMayLast: parts.assertionMayLast,
    onClosed: () => use.touch(),
    onProblem: log,
  })
  const followed = followFeed({
    dir: site.feed,
    pollMs,
    signal,
    onReset: (rows, seq, epoch) => {
      model.reset(rows, seq, epoch)
      history.reset(rows, epoch)
    },
    onLines: (lines) => {
      model.apply(lines)
      history.offer(lines)
    },
    onCurrent: () => {
      model.settle()
      feedLoaded.resolve()
    },
    onProblem: (error) => {
      streams.trouble(error === null ? undefined : 'feed.unavailable')
      log(error === null ? 'the feed is read again' : 'feed', error)
    },
  })

  const routes: readonly Route[] = [
    ...workflowRoutes({ account, sources: join(site.feed, 'source'), model, permissions }),
    ...jobRoutes({ account, model, history, permissions }),
    ...logRoutes({ jobRoot, model, history, admission, signal }),
    ...searchRoutes({ jobRoot, model, admission, signal, log }),
    ...actionRoutes({ account, inbox: site.inbox, temp: site.temp, verifier, permissions, admission, now }),
  ]

  let answering = 0
  const { promise: idle, resolve: onIdle } = Promise.withResolvers<void>()
  const use = createIdle({
    afterMs: settings.idleMinutes * 60_000,
    isBusy: () => answering > 0 || streams.count() > 0,
    onIdle,
  })

  /** Identity first: without one there is nothing here, not even a wrong path. */
  const answer = async (request: IncomingMessage, response: ServerResponse, id: string): Promise<void> => {
    const viewer = await admission.identify(request)
    const { segments, query } = parseTarget(request.url ?? '')
    const match = findRoute(routes, request.method ?? '', segments)
    if (match === undefined) throw new SeneschalError('route.unknown')
    if (model.epoch() === '') throw new SeneschalError('feed.unavailable')
    const { route, params, workflow, hidden } = match
    if (route.needs !== 'each') admission.admit(viewer, { action: route.needs, workflow, hidden })
    await route.handle({ id, request, response, params, query, viewer })
  }

  const refuse = (response: ServerResponse, thrown: unknown, id: string): void => {
    // The reader left; nothing of it is anybody's fault.
    if (response.destroyed) return
    const error = asSeneschalError(thrown)
    if (error.code === 'internal') log(`request ${id} failed`, error.cause)
    if (response.headersSent) response.destroy()
    else sendJson(response, error.status, errorBodyOf(error, id))
  }

  const limits = { maxHeaderSize: assertionMaxLength + otherHeaders, keepAliveTimeout: 30_000 }
  const http = createServer(limits, (request, response) => {
    const id = randomUUID()
    answering += 1
    answer(request, response, id)
      .then(
        () => {
          if (response.statusCode < 300) use.touch()
        },
        (thrown: unknown) => refuse(response, thrown, id),
      )
      .finally(() => {
        answering -= 1
      })
  })

  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: assertionMaxLength,
  })
  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const viewer = await admission.identify(request)
    const { segments, query } = parseTarget(request.url ?? '')
    if (segments.length !== 1 || segments[0] !== 'stream') throw new SeneschalError('route.unknown')
    const since = query.get('since')
    const wanted = {
      workflow: optional(query, 'workflow', workflowName),
      since: since === null || since === '' ? undefined : whole(query, 'since', 0, Number.MAX_SAFE_INTEGER),
      epoch: query.get('epoch') ?? undefined,
    }
    if (signal.aborted) throw new SeneschalError('server.off')
    sockets.handleUpgrade(request, socket, head, (opened) => {
      use.touch()
      streams.open(opened, viewer, wanted)
    })
  }
  http.on('upgrade', (request, socket, head) => {
    // A reader that leaves breaks its stream; whoever has the socket by then learns of it by its 'close'.
    socket.on('error', () => undefined)
    upgrade(request, socket, head).catch((thrown: unknown) => {
      const error = asSeneschalError(thrown)
      if (error.code === 'internal') log('an upgrade failed', error.cause)
      socket.end(rawRefusal(error.status, errorBodyOf(error, randomUUID())))
    })
  })

  return {
    accept: (stream) => http.emit('connection', stream),
    loaded: Promise.all([feedLoaded.promise, permissionsLoaded.promise]).then(() => undefined),
    idle,
    close: async () => {
      use.stop()
      streams.close()
      ending.abort()
      http.close()
      http.closeIdleConnections()
      await Promise.all([followed, permissions.followed, history.close()])
    },
  }
}
