/**
 * The whole road to one real UI server: our SSH client, a real sshd that wants new keys every 8 MB, the real agent, the
 * real server run by a real account with a log to read, and the tunnel through all of it.
 */
import { createHash, hash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, open } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { openFeedWriter } from '../../durable/feed-writer.ts'
import { ensureDir, writeFileAtomic } from '../../durable/files.ts'
import { assertionType } from '../../protocol/tokens.ts'
import { callStart, callStatus, callStop, openServer } from '../../wire/agent-calls.ts'
import { createSshGate } from '../../wire/ssh-gate.ts'
import { createSshTransport } from '../../wire/ssh-transport.ts'
import { createSigner, generateKey } from '../../wire/tokens.ts'
import { createTunnelClient, type TunnelClient } from '../../wire/tunnel.ts'
import { installFarSide } from './far-side.ts'
import { spawnSettingsFor } from './road.ts'
import { layer, snapshotOf } from './site-feed.ts'
import { newKeyPair, startSshd } from './sshd.ts'
import { jobRow, put, workflowRow } from './ui-server.ts'
import { uniqueAccount } from './unix-accounts.ts'

const issuer = 'https://hub.test'

export type Viewer = {
  /** Resolves when the server answers over the socket that was open all along. */
  readonly isThere: () => Promise<void>
  readonly close: () => void
}

export type TunnelSite = {
  readonly tunnel: TunnelClient
  /** Path of the job's log, of `logBytes`. */
  readonly log: string
  /** The head of an answer over a fresh stream. */
  readonly get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<IncomingMessage>
  /** Status and bytes of a small answer, ms that it took from dialling to its end. */
  readonly small: () => Promise<{ readonly status: number; readonly bytes: number; readonly took: number }>
  /** Sends a request and reads nothing. */
  readonly leaveUnread: (path: string) => Promise<Duplex>
  /** Somebody else who looks at the account. */
  readonly viewer: () => Promise<Viewer>
  /** Carriers opened so far: exec channels of the verb `connect`. */
  readonly carriers: () => number
  readonly server: () => Promise<{ readonly state: string; readonly pid: number }>
  /** Ends all connections, as when sshd is restarted. */
  readonly dropConnections: () => Promise<void>
  /** How often sshd changed its keys. */
  readonly rekeyed: () => Promise<number>
  readonly close: () => Promise<void>
}

/** Bytes `from` to `to` of the log: not repeating within any stretch that somebody reads. */
export const logContent = (from: number, to: number): Buffer => {
  const first = Math.floor(from / 8)
  const words = new BigUint64Array(Math.ceil(to / 8) - first)
  for (let index = 0; index < words.length; index += 1)
    words[index] = BigInt.asUintN(64, BigInt(first + index) * 0x9e3779b97f4a7c15n)
  const bytes = Buffer.from(words.buffer)
  return bytes.subarray(from - first * 8, to - first * 8)
}

const writeLog = async (path: string, bytes: number): Promise<void> => {
  const piece = 4 * 1024 * 1024
  await using file = await open(path, 'w', 0o644)
  for (let at = 0; at < bytes; at += piece) await file.writeFile(logContent(at, Math.min(bytes, at + piece)))
}

export const startTunnelSite = async (settings: {
  readonly logBytes: number
  readonly stalledAfter?: number
}): Promise<TunnelSite> => {
  const far = await installFarSide('product')
  const account = uniqueAccount()
  const key = newKeyPair()
  const site = join(far.dir, 'site')
  const feed = join(site, 'feed')
  const jobRoot = join(site, 'jobs')
  const directory = join(jobRoot, 'clouds/log/job/1/climb/01')
  await mkdir(directory, { recursive: true })
  await writeLog(join(directory, 'job.out'), settings.logBytes)
  for (const name of ['0_temp', '1_inbox']) await ensureDir(join(site, name), { mode: 0o3777 })
  const writer = await openFeedWriter({ dir: feed, dirMode: 0o755, fileMode: 0o644 })
  const rows = [
    put('workflow', 'clouds', workflowRow('clouds')),
    put('job', 'clouds//1/climb/01', jobRow('clouds', '1', 'climb', { state: 'succeeded' })),
  ]
  writer.append({ journal: 1, at: 1, put: rows, drop: [] })
  await writer.close()
  const permissions = snapshotOf({
    site: layer({ read: ['everyone'] }),
    accounts: { [account]: { owners: [], cli: 'refuse', workflows: {} } },
  })
  await writeFileAtomic(join(feed, 'permissions.json'), JSON.stringify(permissions), { mode: 0o644 })

  const sshd = await startSshd({
    dir: far.dir,
    config: ['RekeyLimit 8M', 'LogLevel DEBUG1'],
    accounts: [{ name: account, keys: [{ publicKey: key.publicKey, command: far.command('hub') }] }],
  })
  const transport = createSshTransport({
    host: '127.0.0.1',
    port: sshd.port,
    username: account,
    privateKey: key.privateKey,
    hostKeys: [sshd.hostKey],
    gate: createSshGate({ now: Date.now, random: Math.random }),
  })
  const signer = await createSigner(await generateKey())
  let carriers = 0
  const tunnel = createTunnelClient({
    open: async (signal) => {
      carriers += 1
      return (await openServer(transport, {}, { signal })).stream
    },
    ...(settings.stalledAfter === undefined ? {} : { stalledAfter: settings.stalledAfter }),
  })
  const close = async () => {
    tunnel.close()
    transport.close()
    await sshd.stop()
    await far.remove()
  }

  try {
    const server = await callStart(
      transport,
      {
        ...spawnSettingsFor(account, issuer),
        host: 'here',
        site: { inbox: join(site, '1_inbox'), temp: join(site, '0_temp'), feed },
        jobRoot,
        hubKeys: signer.jwks() as { keys: Record<string, unknown>[] },
      },
      { timeout: 30_000 },
    )
    const assertion = () => {
      const iat = Math.floor(Date.now() / 1000)
      return signer.sign(assertionType, {
        iss: issuer,
        aud: `${account}/${server.instance}`,
        sub: 'jacintar',
        groups: [],
        session: 'session',
        elevation: null,
        iat,
        exp: iat + 60,
      })
    }
    const get: TunnelSite['get'] = async (path, headers = {}) => {
      const stream = await tunnel.dial()
      const authorization = `Bearer ${await assertion()}`
      const call = httpRequest({
        createConnection: () => stream,
        path,
        headers: { host: 'server', connection: 'close', authorization, ...headers },
      })
      const answered = once(call, 'response') as Promise<[IncomingMessage]>
      call.end()
      return (await answered)[0]
    }
    return {
      tunnel,
      log: `/jobs/${encodeURIComponent('clouds//1/climb/01')}/logs/job.out`,
      get,
      small: async () => {
        const begun = performance.now()
        const answer = await get('/workflows')
        let bytes = 0
        for await (const piece of answer) bytes += (piece as Buffer).length
        return { status: answer.statusCode ?? 0, bytes, took: performance.now() - begun }
      },
      leaveUnread: async (path) => {
        const authorization = `Bearer ${await assertion()}`
        const stream = await tunnel.dial()
        stream.write(
          `GET ${path} HTTP/1.1\r\nHost: server\r\nAuthorization: ${authorization}\r\nConnection: close\r\n\r\n`,
        )
        return stream
      },
      viewer: async () => {
        const stream = await tunnel.dial()
        const socket = new WebSocket('ws://server/stream', {
          createConnection: () => stream,
          headers: { authorization: `Bearer ${await assertion()}` },
          perMessageDeflate: false,
        })
        await once(socket, 'open')
        return {
          isThere: async () => {
            if (socket.readyState !== WebSocket.OPEN) throw new Error('the viewer lost its socket')
            // As the hub does: a socket without a fresh one is dropped.
            socket.send(await assertion())
            const pong = once(socket, 'pong', { signal: AbortSignal.timeout(20_000) })
            socket.ping()
            await pong
          },
          close: () => socket.terminate(),
        }
      },
      carriers: () => carriers,
      server: async () => {
        const status = await callStatus(transport, {})
        return { state: status.state, pid: status.state === 'off' ? -1 : status.pid }
      },
      dropConnections: sshd.dropConnections,
      rekeyed: async () => (await sshd.log()).split('ssh_set_newkeys: rekeying out').length - 1,
      close: async () => {
        await callStop(transport, {})
        await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** One stretch of the log, read whole: SHA-256 of what came and of what there is. */
export const readStretch = async (
  site: TunnelSite,
  from: number,
  to: number,
): Promise<{ readonly got: string; readonly wanted: string }> => {
  const answer = await site.get(site.log, { range: `bytes=${from}-${to - 1}` })
  const received = createHash('sha256')
  for await (const piece of answer) received.update(piece as Buffer)
  return { got: received.digest('hex'), wanted: hash('sha256', logContent(from, to)) }
}

/** The log in so many stretches, all at once: how many of them came otherwise than they are. */
export const countCorrupt = async (site: TunnelSite, bytes: number, streams: number): Promise<number> => {
  const size = Math.ceil(bytes / streams)
  const stretches = await Promise.all(
    Array.from({ length: streams }, (_, index) =>
      readStretch(site, index * size, Math.min(bytes, (index + 1) * size)),
    ),
  )
  return stretches.filter(({ got, wanted }) => got !== wanted).length
}

/** Readers who take one piece of the log and then nothing for a while. */
export const pausedReaders = (site: TunnelSite, count: number): Promise<readonly IncomingMessage[]> =>
  Promise.all(
    Array.from({ length: count }, async () => {
      const answer = await site.get(site.log)
      answer.on('error', () => undefined)
      await once(answer, 'readable')
      answer.read()
      return answer
    }),
  )

/** Starts so many downloads, a hundred at a time, and gives each up at once. */
export const abortRequests = async (site: TunnelSite, count: number): Promise<void> => {
  for (let done = 0; done < count; done += 100) {
    const doomed = await Promise.all(Array.from({ length: 100 }, () => site.leaveUnread(site.log)))
    for (const stream of doomed) stream.destroy()
  }
}

/**
 * The 95th percentile of small requests, ms, in the best of several rounds: a busy machine may spoil some, a wedged
 * tunnel spoils all. Throws for a request that fails, or takes many seconds, in any.
 */
export const smallRequestTime = async (site: TunnelSite, rounds = 8, perRound = 40): Promise<number> => {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds && best > 50; round += 1) {
    const times: number[] = []
    for (let count = 0; count < perRound; count += 1) {
      const { status, bytes, took } = await site.small()
      if (status !== 200 || bytes === 0) throw new Error(`a small request was answered with ${status}`)
      if (took > 10_000) throw new Error(`a small request took ${took.toFixed(0)} ms`)
      times.push(took)
    }
    times.sort((a, b) => a - b)
    best = Math.min(best, times[Math.floor(perRound * 0.95) - 1] ?? Number.POSITIVE_INFINITY)
  }
  return best
}
