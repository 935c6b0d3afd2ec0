/** WebSockets under `/u/`: the UI server's frames go to the browser as they are, nothing goes the other way. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { isDeepStrictEqual } from 'node:util'
import { groupsNamed } from '../../policy/groups-named.ts'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import { closeCodes } from '../../protocol/frames.ts'
import { assertionRefresh } from '../../protocol/tokens.ts'
import { rawRefusal } from '../../wire/raw-refusal.ts'
import type { Gate, LiveSockets, Log, PolicyView, Servers, Signer, SiteView, Viewer } from '../context.ts'
import { errorBodyOf } from '../errors.ts'
import { groupsLookEvery } from '../groups.ts'
import { mayViewAnything } from '../visible.ts'
import { type ProxyPath, parseProxyPath, wantsOf } from './path.ts'
import { pipe } from './pipe.ts'
import { acceptFor, openUpstreamSocket } from './upstream-socket.ts'
import { maskedText } from './websocket-frames.ts'

export type UpgradeParts = {
  readonly gate: Pick<Gate, 'passUpgrade' | 'current'>
  readonly site: SiteView
  readonly policy: PolicyView
  readonly servers: Servers
  readonly signer: Pick<Signer, 'assertion'>
  readonly live: LiveSockets
  readonly log: Log
  /** Default: `assertionRefresh`. */
  readonly refreshMs?: number
  /** From the browser's request to the UI server's 101. */
  readonly openMs?: number
}

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** ms. */
const openMayTake = 15_000

/** 16 random bytes in base64 (RFC 6455, section 4.1). */
const keyPattern = /^[A-Za-z0-9+/]{21}[AQgw]==$/

const keyOf = ({ method, headers }: IncomingMessage): string => {
  const key = headers['sec-websocket-key']
  const right =
    method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    key !== undefined &&
    keyPattern.test(key)
  if (!right) throw new SeneschalError('input.invalid', 'This is not a WebSocket handshake.')
  return key
}

/** A stream is all that the UI server offers under this door. */
const streamPath = (request: IncomingMessage): ProxyPath => {
  const path = parseProxyPath(request.url ?? '')
  if (path.segments.length !== 1 || path.segments[0] !== 'stream') throw new SeneschalError('route.unknown')
  return path
}

const refuse = (socket: Duplex, error: SeneschalError, request: string) => {
  // A browser that does not close would keep it half open for ever.
  socket.end(rawRefusal(error.status, errorBodyOf(error, request)), () => socket.destroy())
}

const accept = (key: string): string =>
  `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${acceptFor(key)}\r\n\r\n`

export const createProxyUpgrade = (parts: UpgradeParts): UpgradeHandler => {
  const { gate, site, policy, servers, signer, live, log } = parts

  const open = async (request: IncomingMessage, browser: Duplex, head: Buffer): Promise<void> => {
    const key = keyOf(request)
    const path = streamPath(request)
    const { account, target } = path
    const viewer = await gate.passUpgrade(request, wantsOf(path))
    const gone = new AbortController()
    const leave = () => gone.abort(new SeneschalError('lost.connection'))
    browser.once('close', leave)
    const timeout = AbortSignal.timeout(parts.openMs ?? openMayTake)
    const signal = AbortSignal.any([gone.signal, timeout])
    try {
      const audience = servers.audience(account)
      const stream = await servers.dial(account, signal)
      const assertion = await signer.assertion(viewer, audience)
      const upstream = await openUpstreamSocket(stream, target, assertion, signal)
      if (browser.destroyed) return void upstream.stream.destroy()
      browser.write(accept(key))
      connect(viewer, account, audience, browser, upstream.stream, upstream.head, head)
    } catch (thrown) {
      const error = timeout.aborted ? new SeneschalError('server.timeout') : asSeneschalError(thrown)
      if (!gone.signal.aborted && error.code !== 'server.bad-answer') servers.suspect(account)
      throw error
    } finally {
      browser.off('close', leave)
    }
  }

  const namedFor = (account: string): ReadonlySet<string> => {
    const snapshot = policy.snapshot(account)
    return snapshot === undefined ? new Set() : groupsNamed(snapshot, account)
  }

  const connect = (
    opened: Viewer,
    account: string,
    audience: string,
    browser: Duplex,
    server: Duplex,
    serverHead: Buffer,
    browserHead: Buffer,
  ) => {
    let viewer = opened
    const piped = pipe(browser, server, serverHead, browserHead)
    const leave = live.add({ session: viewer.session, person: viewer.person, account, close: piped.close })
    const unwatch = servers.watch(account)
    const look = () => {
      if (!mayViewAnything({ site, policy }, viewer, account)) piped.close(closeCodes.forbidden)
    }
    const refresh = async (due: boolean) => {
      const current = await gate.current(viewer)
      if (current === undefined) return piped.close(closeCodes.sessionEnded)
      const isOther = !isDeepStrictEqual(current.groups, viewer.groups)
      viewer = current
      look()
      if (due || isOther) server.write(maskedText(await signer.assertion(viewer, audience), randomBytes(4)))
    }
    const tryToRefresh = (due: boolean) => {
      // Without a fresh assertion the UI server ends the socket by itself; this only says why.
      refresh(due).catch((err) => log.warn({ err, account }, 'no fresh assertion for an open socket'))
    }
    const refreshMs = parts.refreshMs ?? assertionRefresh
    const every = Math.min(refreshMs, groupsLookEvery)
    let looks = 0
    const timer = setInterval(() => {
      looks += 1
      tryToRefresh(looks % Math.round(refreshMs / every) === 0)
    }, every)
    timer.unref()
    let named = namedFor(account)
    const unlisten = policy.onChange(() => {
      look()
      const before = named
      named = namedFor(account)
      // A group that the last assertion had no reason to name.
      if (viewer.groups.some((group) => named.has(group) && !before.has(group))) tryToRefresh(true)
    })
    piped.closed.then(() => {
      clearInterval(timer)
      unlisten()
      unwatch()
      leave()
    })
  }

  return (request, socket, head) => {
    // Node takes its own listener away before 'upgrade'; errors are followed by 'close'.
    socket.on('error', (err) => log.debug({ err }, 'a socket broke'))
    if (socket instanceof Socket) socket.setNoDelay(true).setKeepAlive(true, 30_000).setTimeout(0)
    open(request, socket, head).catch((thrown) => {
      const error = asSeneschalError(thrown)
      const id = randomUUID()
      if (error.code === 'internal') log.error({ err: error.cause, request: id }, 'an upgrade failed')
      if (!socket.destroyed) refuse(socket, error, id)
    })
  }
}
