/**
 * The job supervisor: one detached process per account and host, which runs as that account and carries out what the
 * daemon asks over its socket. Jobs survive it; a new one finds them again.
 */
import { createHash } from 'node:crypto'
import { chmod, mkdir, rename, unlink, writeFile } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { z } from 'zod/mini'
import { errnoOf } from '../durable/files.ts'
import { createLineSplitter } from '../durable/line-splitter.ts'
import { type SupervisorSettings, supervisorSettings } from '../protocol/agent.ts'
import type { CopyOrder } from '../protocol/copies.ts'
import { type ErrorCode, SeneschalError } from '../protocol/errors.ts'
import {
  type JobsAnswer,
  type JobsRequest,
  jobsGreeting,
  jobsLineLimit,
  jobsProtocol,
  jobsRequest,
  jobsRequestHead,
} from '../protocol/jobs.ts'
import { version } from '../protocol/version.ts'
import { type CopierProgram, handOver } from './copies/hand-over.ts'
import { createDesk, type Desk } from './desk.ts'
import { openEpochs } from './epoch.ts'
import { bootId } from './processes.ts'
import { createRunners } from './registry.ts'
import { messageScript, wrapperScript } from './wrapper.ts'

export type SupervisorParts = {
  /** The settings (`supervisorSettings` of protocol/agent.ts) as JSON, whole, until the end. */
  readonly stdin: Readable
  /** Gets `{"ready":true}` when the socket listens. */
  readonly stdout: Writable
  /** The process's environment; jobs see PATH, HOME, LANG, USER and TZ of it. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** What copies files as this account. */
  readonly copier: CopierProgram
  /** Ends itself after so long without a daemon and without a job, ms. */
  readonly idleMs?: number
  /** Between TERM and KILL, ms. */
  readonly graceMs?: number
  /** Epoch, ms. */
  readonly now?: () => number
}

const passed = ['HOME', 'LANG', 'USER', 'LOGNAME', 'TZ'] as const
const defaultPath = '/usr/local/bin:/usr/bin:/bin'

const baseEnvironment = (env: SupervisorParts['env']): Record<string, string> => {
  const base: Record<string, string> = { PATH: env.PATH ?? defaultPath }
  for (const name of passed) {
    const value = env[name]
    if (value !== undefined && value !== '') base[name] = value
  }
  return base
}

const readSettings = async (stdin: Readable): Promise<SupervisorSettings> => {
  const content = await text(stdin)
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch (cause) {
    throw new SeneschalError('config.invalid', 'The supervisor was not given JSON.', { cause })
  }
  const parsed = supervisorSettings.safeParse(value)
  if (parsed.success) return parsed.data
  throw new SeneschalError('config.invalid', 'The supervisor was given settings that do not fit.', {
    cause: parsed.error,
  })
}

/** In a directory named after what they are, so that running jobs keep theirs when a newer version comes. */
const installHelpers = async (root: string) => {
  const digest = createHash('sha256').update(wrapperScript).update(messageScript).digest('hex').slice(0, 16)
  const helpers = join(root, '.seneschal', digest)
  await mkdir(helpers, { recursive: true, mode: 0o750 })
  for (const [name, content] of [
    ['seneschal-wrapper', wrapperScript],
    ['seneschal-message', messageScript],
  ] as const) {
    const temporary = join(helpers, `.${name}.${process.pid}`)
    await writeFile(temporary, content, { mode: 0o750 })
    await rename(temporary, join(helpers, name))
  }
  return { helpers, wrapper: join(helpers, 'seneschal-wrapper') }
}

const nobodyListens = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createConnection(socket)
    probe.once('connect', () => {
      probe.destroy()
      resolve(false)
    })
    probe.once('error', (error) => resolve(errnoOf(error) === 'ECONNREFUSED'))
  })

const listen = async (server: Server, socket: string): Promise<void> => {
  const once = () =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(socket, () => {
        server.off('error', reject)
        resolve()
      })
    })
  try {
    await once()
  } catch (error) {
    // Left by one that was killed.
    if (errnoOf(error) !== 'EADDRINUSE' || !(await nobodyListens(socket))) throw error
    await unlink(socket)
    await once()
  }
  await chmod(socket, 0o600)
}

const warn = (message: string, context: Readonly<Record<string, unknown>>): void => {
  const shown = Object.entries(context).map(([key, value]) => `${key}=${String(value)}`)
  process.stderr.write(`${new Date().toISOString()} ${message} ${shown.join(' ')}\n`)
}

/** One request that does not fit ends nobody else's. Throws where it cannot be told which it was. */
const refusalOf = (value: unknown, cause: z.core.$ZodError): JobsAnswer => {
  const head = jobsRequestHead.safeParse(value)
  if (!head.success) throw new SeneschalError('input.invalid', undefined, { cause })
  const { id, op } = head.data
  const code: ErrorCode = op === 'submit' ? 'job.submit-failed' : 'input.invalid'
  return { id, ok: false, code, detail: z.prettifyError(cause).slice(0, 1000) }
}

type BecomeCopier = (connection: Socket, order: CopyOrder) => void

const serve = (connection: Socket, desk: Desk, greeting: string, becomeCopier: BecomeCopier): void => {
  connection.setNoDelay(true)
  connection.write(`${greeting}\n`)
  const say = (answer: JobsAnswer): void => {
    if (connection.writable) connection.write(`${JSON.stringify(answer)}\n`)
  }
  const copy = async (request: Extract<JobsRequest, { op: 'copy' }>): Promise<void> => {
    connection.off('data', hear)
    connection.pause()
    const answer = await desk.answer(request)
    say(answer)
    if (answer.ok) becomeCopier(connection, request.order)
    else connection.end()
  }
  const take = createLineSplitter(jobsLineLimit, (line) => {
    const value: unknown = JSON.parse(line)
    const parsed = jobsRequest.safeParse(value)
    if (parsed.success && parsed.data.op === 'copy') void copy(parsed.data)
    else if (parsed.success) void desk.answer(parsed.data).then(say)
    else say(refusalOf(value, parsed.error))
  })
  const hear = (chunk: Buffer): void => {
    try {
      take(chunk)
    } catch (error) {
      // Whoever sends what cannot even be answered has lost the thread: it has to connect again.
      warn('a connection was closed', { error })
      connection.destroy()
    }
  }
  connection.on('data', hear)
  connection.on('error', (error) => warn('a connection broke', { error: error.message }))
}

/** Resolves when the supervisor ended: nobody was connected and nothing ran for a while, or `signal` was aborted. */
export const runSupervisor = async (parts: SupervisorParts, signal?: AbortSignal): Promise<void> => {
  // A log that cannot be written, in a home that is full, ends nobody.
  const deaf = () => undefined
  process.stderr.on('error', deaf)
  const settings = await readSettings(parts.stdin)
  const base = baseEnvironment(parts.env)
  if (settings.jobRoot === undefined && base.HOME === undefined)
    throw new SeneschalError('config.invalid', 'There is neither a job root nor HOME.')
  const root = settings.jobRoot ?? join(base.HOME ?? '', 'seneschal-run')
  const idleMs = parts.idleMs ?? 5 * 60_000
  const graceMs = parts.graceMs ?? 10_000
  const boot = await bootId()
  await mkdir(root, { recursive: true, mode: 0o750 })
  const installed = await installHelpers(root)

  const now = parts.now ?? Date.now
  const desk = createDesk(
    createRunners({ now, graceMs, warn, boot, events: settings.jobEvents }),
    {
      account: settings.account,
      root,
      events: settings.jobEvents,
      wrapper: settings.wrapper ?? installed.wrapper,
      helpers: installed.helpers,
      graceMs,
      base,
      boot,
      now,
    },
    await openEpochs(root),
  )

  const connections = new Set<Socket>()
  let quietSince = now()
  const greeting = JSON.stringify(
    jobsGreeting.parse({ jobs: jobsProtocol, version, host: hostname(), account: settings.account }),
  )
  const becomeCopier: BecomeCopier = (connection, order) =>
    handOver(connection, order, parts.copier, base, (error) => warn('no copier', { error: error.message }))
  const server = createServer((connection) => {
    connections.add(connection)
    connection.once('close', () => connections.delete(connection))
    serve(connection, desk, greeting, becomeCopier)
  })
  await listen(server, settings.socket)

  const ended = new Promise<void>((resolve) => server.once('close', resolve))
  const end = () => {
    clearInterval(watch)
    server.close()
    for (const connection of connections) connection.destroy()
    desk.close()
  }
  const watch = setInterval(
    () => {
      if (connections.size > 0 || desk.active() > 0) quietSince = now()
      else if (now() - quietSince >= idleMs) end()
    },
    Math.min(idleMs, 5000),
  )
  signal?.addEventListener('abort', end, { once: true })
  parts.stdout.write(`${JSON.stringify({ ready: true })}\n`)
  await ended
  process.stderr.off('error', deaf)
}
