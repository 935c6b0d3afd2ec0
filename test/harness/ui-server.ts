/**
 * A real UI server of an account, in this process: its feed written by the feed writer, its assertions signed by a
 * key as the hub's, reached through a tunnel over a Unix socket.
 */
import { randomUUIDv7 } from 'node:crypto'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { WebSocket } from 'ws'
import { type FeedWriter, openFeedWriter } from '../../durable/feed-writer.ts'
import { ensureDir, writeFileAtomic } from '../../durable/files.ts'
import type { ServerSettings } from '../../protocol/agent.ts'
import { type Frame, frame } from '../../protocol/frames.ts'
import type { PermissionSnapshot } from '../../protocol/permissions.ts'
import {
  type InstanceRow,
  type JobRow,
  noCounts,
  type TaskRow,
  type WorkflowRow,
} from '../../protocol/rows.ts'
import { type Assertion, assertionType, type Grant, grantType } from '../../protocol/tokens.ts'
import { createUiServer, type UiServer, type UiServerParts } from '../../uiserver/server.ts'
import { createSigner, generateKey, type Signer } from '../../wire/tokens.ts'
import { createTunnelClient, serveTunnel } from '../../wire/tunnel.ts'
import type { Answer } from './http.ts'
import { temporaryDirectory } from './temporary.ts'
import { until } from './until.ts'

export const account = 'atmosphere_stage'
export const issuer = 'https://hub.test'
const instance = '0123456789abcdef0123456789abcdef'
export const audience = `${account}/${instance}`

export const workflowRow = (workflow: string, more: Partial<WorkflowRow> = {}): WorkflowRow => ({
  workflow,
  meta: {},
  state: 'running',
  held: false,
  stall: null,
  counts: noCounts,
  cycles: null,
  at: 1,
  problem: null,
  ...more,
})
export const taskRow = (workflow: string, task: string): TaskRow => ({
  workflow,
  task,
  title: null,
  families: ['UPPER'],
  runner: 'background',
  meanRun: null,
  after: task === 'post' ? [{ task: 'climb', offset: '-P1', output: 'succeeded' }] : [],
})
export const instanceRow = (
  workflow: string,
  cycle: string,
  task: string,
  more: Partial<InstanceRow> = {},
): InstanceRow => ({
  workflow,
  cycle,
  task,
  state: 'running',
  held: false,
  queued: false,
  runahead: false,
  late: false,
  stopped: false,
  retryAt: null,
  submit: 1,
  submittedAt: null,
  startedAt: null,
  finishedAt: null,
  outputs: [],
  prerequisites: [],
  at: 1,
  ...more,
})
export const jobRow = (
  workflow: string,
  cycle: string,
  task: string,
  more: Partial<JobRow> = {},
): JobRow => ({
  workflow,
  cycle,
  task,
  submit: 1,
  state: 'running',
  runner: 'background',
  host: 'localhost',
  submittedAt: 1000,
  startedAt: null,
  finishedAt: null,
  exit: null,
  note: null,
  ...more,
})

type Put = Parameters<FeedWriter['append']>[0]['put'][number]
export const put = (kind: string, key: string, row: unknown): Put => ({ kind, key, row })

const noLayer = { rules: {}, source: { file: 'site.yaml', lines: {} } }

export const permissionsOf = (
  version: number,
  at: number,
  workflows: Readonly<Record<string, readonly string[]>> = {},
): PermissionSnapshot => ({
  v: 1,
  version,
  at,
  site: {
    rules: { read: ['everyone'], execute: ['user:jacintar'] },
    source: { file: 'site.yaml', lines: {} },
  },
  limits: noLayer,
  roles: { admin: [], auditor: [], developer: [] },
  accounts: {
    [account]: {
      owners: ['user:owner'],
      cli: 'allow',
      workflows: Object.fromEntries(
        Object.entries(workflows).map(([name, read]) => [
          name,
          { rules: { read }, source: { file: `${name}.yaml`, lines: {} } },
        ]),
      ),
    },
  },
  locks: { persons: [], accounts: [], hosts: [] },
})

export type Heard = {
  readonly socket: WebSocket
  readonly frames: Frame[]
  readonly closed: Promise<number>
  /** What a browser would have by now; throws for a gap. */
  readonly rows: Map<string, unknown>
  readonly last: () => { readonly epoch: string; readonly seq: number }
}

export type UiServerRoad = {
  readonly server: UiServer
  readonly feed: FeedWriter
  readonly jobRoot: string
  readonly inbox: string
  readonly signer: Signer
  readonly settings: ServerSettings
  readonly assertion: (person?: string, more?: Partial<Assertion>) => Promise<string>
  readonly grant: (more?: Partial<Grant>) => Promise<string>
  readonly allow: (workflows: Readonly<Record<string, readonly string[]>>, at?: number) => Promise<void>
  readonly request: (
    path: string,
    more?: {
      readonly method?: string
      readonly token?: string | null
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    },
  ) => Promise<Answer>
  readonly open: (
    path: string,
    token?: string,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<IncomingMessage>
  readonly listen: (query: string, token?: string) => Promise<Heard>
  readonly now: { value: number }
}

const collect = async (response: IncomingMessage): Promise<Answer> => {
  let text = ''
  response.setEncoding('utf8')
  for await (const piece of response) text += piece
  const isJson = response.headers['content-type']?.startsWith('application/json') === true && text !== ''
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    body: isJson ? JSON.parse(text) : undefined,
  }
}

const hear = (socket: WebSocket): Heard => {
  const frames: Frame[] = []
  const rows = new Map<string, unknown>()
  let epoch = ''
  let seq = -1
  socket.on('message', (data) => {
    const got = frame.parse(JSON.parse(String(data)))
    frames.push(got)
    if (got.type === 'hello') epoch = got.epoch
    if (got.type === 'reset') rows.clear()
    if (got.type === 'delta' && seq !== -1 && got.from !== seq + 1)
      throw new Error(`a gap: ${got.from} after ${seq}`)
    if (got.type === 'reset' || got.type === 'delta') {
      seq = got.seq
      for (const { kind, key, row } of got.put) rows.set(`${kind} ${key}`, row)
    }
    if (got.type === 'delta') for (const { kind, key } of got.drop) rows.delete(`${kind} ${key}`)
  })
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  return { socket, frames, closed, rows, last: () => ({ epoch, seq }) }
}

export const startUiServer = async (
  t: TestContext,
  more: Partial<Omit<UiServerParts, 'settings'>> & {
    readonly idleMinutes?: number
    /** What stands in the feed before the server starts; then nobody waits until it was read. */
    readonly before?: (feed: FeedWriter, dir: string) => Promise<void>
  } = {},
): Promise<UiServerRoad> => {
  const dir = await temporaryDirectory(t)
  const [inbox, temp, feedDir, jobRoot] = ['1_inbox', '0_temp', 'feed', 'jobs'].map((name) =>
    join(dir, name),
  ) as [string, string, string, string]
  for (const path of [inbox, temp]) await ensureDir(path, { mode: 0o3777 })
  await mkdir(jobRoot)
  const feed = await openFeedWriter({ dir: feedDir, dirMode: 0o750, fileMode: 0o640 })
  await more.before?.(feed, feedDir)
  await mkdir(join(feedDir, 'source'))
  await writeFile(join(feedDir, 'source', 'clouds.yaml'), 'schedule: {}\n')
  const signer = await createSigner(await generateKey())
  const now = { value: Date.now() }
  let version = 0
  const allow: UiServerRoad['allow'] = async (workflows, at = now.value) => {
    version += 1
    const text = JSON.stringify(permissionsOf(version, at, workflows))
    await writeFileAtomic(join(feedDir, 'permissions.json'), text, { mode: 0o640, fsync: false })
  }
  await allow({})
  const settings: ServerSettings = {
    version: 1,
    account,
    instance,
    host: 'localhost',
    site: { inbox, temp, feed: feedDir },
    stateDir: join(dir, 'state'),
    jobRoot,
    hubKeys: signer.jwks() as unknown as ServerSettings['hubKeys'],
    issuer,
    idleMinutes: more.idleMinutes ?? 20,
    socket: join(dir, 'socket'),
  }
  const server = await createUiServer({
    settings,
    home: dir,
    now: () => now.value,
    log: () => undefined,
    pollMs: 50,
    ...more,
  })
  const carriers = new Set<Socket>()
  const door = createServer((carrier) => {
    carriers.add(carrier)
    serveTunnel(carrier, server.accept)
  })
  await new Promise<void>((resolve) => door.listen(settings.socket, resolve))
  const tunnel = createTunnelClient({ open: async () => connect(settings.socket) })
  t.after(async () => {
    tunnel.close()
    for (const carrier of carriers) carrier.destroy()
    door.close()
    await server.close()
    await feed.close()
  })
  if (more.before === undefined) await server.loaded

  const assertion: UiServerRoad['assertion'] = (person = 'jacintar', claims = {}) => {
    const iat = Math.floor(now.value / 1000)
    const whole: Assertion = {
      iss: issuer,
      aud: audience,
      sub: person,
      groups: [],
      session: `session-of-${person}`,
      elevation: null,
      iat,
      exp: iat + 60,
      ...claims,
    }
    return signer.sign(assertionType, whole)
  }
  const grant: UiServerRoad['grant'] = (claims = {}) => {
    const iat = Math.floor(now.value / 1000)
    const whole: Grant = {
      iss: issuer,
      aud: 'site',
      sub: 'jacintar',
      groups: [],
      session: 'session-of-jacintar',
      elevation: { class: 'execute', until: now.value + 60_000 },
      policy: 1,
      audit: 'head',
      request: { action: 'hold', account, workflow: 'clouds', args: {} },
      iat,
      exp: iat + 60,
      jti: randomUUIDv7(),
      ...claims,
    }
    return signer.sign(grantType, whole)
  }
  const open: UiServerRoad['open'] = async (path, token, headers = {}) => {
    const authorization = `Bearer ${token ?? (await assertion())}`
    const stream = await tunnel.dial()
    return new Promise((resolve, reject) => {
      httpRequest({
        createConnection: () => stream,
        path,
        headers: { host: 'server', authorization, ...headers },
      })
        .once('response', resolve)
        .once('error', reject)
        .end()
    })
  }
  const request: UiServerRoad['request'] = async (path, options = {}) => {
    const token = options.token === undefined ? await assertion() : options.token
    const stream = await tunnel.dial()
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest({
        createConnection: () => stream,
        method: options.method ?? 'GET',
        path,
        headers: {
          host: 'server',
          connection: 'close',
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...options.headers,
        },
      })
        .once('response', resolve)
        .once('error', reject)
        .end(options.body)
    })
    return collect(response)
  }
  const listen: UiServerRoad['listen'] = async (query, token) => {
    const authorization = `Bearer ${token ?? (await assertion())}`
    const stream = await tunnel.dial()
    const socket = new WebSocket(`ws://server/stream${query}`, {
      createConnection: () => stream,
      headers: { authorization },
      perMessageDeflate: false,
    })
    const heard = hear(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('unexpected-response', (_request, response) => {
        response.resume()
        reject(Object.assign(new Error('refused'), { status: response.statusCode }))
      })
      socket.once('error', reject)
    })
    t.after(() => socket.terminate())
    await until(() => heard.last().seq !== -1 || heard.frames.length > 0)
    return heard
  }
  return {
    server,
    feed,
    jobRoot,
    inbox,
    signer,
    settings,
    assertion,
    grant,
    allow,
    request,
    open,
    listen,
    now,
  }
}

/** The inbox's group, as the daemon knows it. */
export const gidOf = async (path: string): Promise<number> => (await stat(path)).gid
