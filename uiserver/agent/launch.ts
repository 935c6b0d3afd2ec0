/** Brings up a process that outlives the agent, and waits until it is ready or can say why not. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, open, rename, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { readyLine, type StartAnswer } from '../../protocol/agent.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { version } from '../../protocol/version.ts'
import { childEnvironment, thriftyAllocator } from '../../wire/environment.ts'
import { withLock } from './lock.ts'
import { identify, isErrno, terminate } from './process.ts'
import type { RunDirectory, ServiceName } from './run-directory.ts'
import { connectSocket, findService, lastLines, present, readRecord, writeRecord } from './service.ts'
import type { VerbContext } from './verb.ts'

export type LaunchContext = Pick<VerbContext, 'progress' | 'env' | 'entry'>

export type Launch = {
  readonly service: ServiceName
  readonly instance: string
  /** What it reads from stdin; may hold secrets, so it goes nowhere else. */
  readonly settings: (socket: string) => unknown
  readonly context: LaunchContext
  readonly directory: RunDirectory
  /** Aborted: what was launched is ended again. */
  readonly signal: AbortSignal
}

/** Within which it must be ready, ms. */
const readyTimeout = 30_000
/** Enough for one that is well; one that is not gets its full time under the lock. */
const hasty = 500

/** One that is at work and does not answer is looked at so often under the lock before it counts as hung. */
const busyLooks = 3

/** The one that is up, or a new one: among concurrent callers one launches and the others find it. */
export const ensureService = async (wanted: Launch): Promise<StartAnswer> => {
  const { service, directory, context } = wanted
  const { status: glimpse } = await findService(directory, service, hasty)
  if (glimpse.state === 'running') return glimpse
  return withLock(directory.lock(service), wanted.signal, async () => {
    // What was found outside the lock may be one that somebody is just bringing up: only this answer counts.
    let { status, record } = await findService(directory, service)
    for (let looks = 1; status.state === 'silent' && status.busy && looks < busyLooks; looks += 1) {
      if (looks === 1) context.progress('The one that is up is slow; waiting for it.')
      ;({ status, record } = await findService(directory, service))
    }
    if (status.state === 'running') return status
    if (status.state === 'silent' && record !== undefined) {
      context.progress('The one that is up does not answer; ending it.')
      await terminate(record, 1000)
    }
    return launch(wanted)
  })
}

const keepPreviousLog = async (path: string): Promise<void> => {
  try {
    await rename(path, `${path}.1`)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
}

const launch = async (wanted: Launch): Promise<StartAnswer> => {
  const { service, directory, context, signal } = wanted
  const previous = await readRecord(directory, service)
  const socket = await directory.socket(service, previous?.socket)
  const log = directory.log(service)
  await rm(socket, { force: true })
  await keepPreviousLog(log)
  await directory.removeFormer()
  const output = await open(log, 'a+', 0o600)
  try {
    context.progress('Launching it.')
    // detached: its own session, so that the end of this login does not reach it.
    const child = spawn(process.execPath, [context.entry, service], {
      cwd: '/',
      detached: true,
      env: { ...childEnvironment(context.env), ...thriftyAllocator },
      stdio: ['pipe', output.fd, output.fd],
    })
    // Never rejects: that it could not be spawned is told by the next line.
    const ended = new Promise<string>((resolve) =>
      child.once('exit', (code, name) => resolve(name === null ? `code ${code}` : `signal ${name}`)),
    )
    await once(child, 'spawn')
    const { stdin, pid } = child
    if (stdin === null || pid === undefined) throw new SeneschalError('agent.failed', 'It has no stdin.')
    stdin.on('error', () => undefined) // It ended before it read; `ended` tells.
    const identity = await identify(pid)
    if (identity === undefined) throw await endedEarly(await ended, log)
    const record = { ...identity, instance: wanted.instance, startedAt: Date.now(), version, socket }
    // Recorded before it gets its settings, without which it cannot run: killed here, the agent leaves nothing behind.
    await writeRecord(directory, service, record)
    stdin.end(JSON.stringify(wanted.settings(socket)))
    try {
      await becomeReady({ read: (at) => readFrom(output, at), ended, log, context, signal })
    } catch (error) {
      await terminate(identity, 1000)
      throw error
    }
    child.unref()
    const accepting = await connectSocket(socket)
    if (accepting === undefined) {
      await terminate(identity, 1000)
      throw new SeneschalError('spawn.failed', 'It said that it was ready, but its socket does not accept.')
    }
    accepting.destroy()
    // The directory keeps others out; the socket says so too.
    await chmod(socket, 0o600)
    return present(record)
  } finally {
    await output.close()
  }
}

type LogFile = Awaited<ReturnType<typeof open>>

const readFrom = async (file: LogFile, at: number): Promise<Buffer> => {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(16_384), 0, 16_384, at)
  return buffer.subarray(0, bytesRead)
}

const endedEarly = async (how: string, log: string): Promise<SeneschalError> => {
  const lines = await lastLines(log)
  return new SeneschalError('spawn.failed', `It ended with ${how}. ${lines.join(' | ')}`.trim())
}

type Waiting = {
  readonly read: (at: number) => Promise<Buffer>
  readonly ended: Promise<string>
  readonly log: string
  readonly context: LaunchContext
  readonly signal: AbortSignal
}

/** Its output is a file from the start, so nothing breaks when the agent leaves; we read along until it is ready. */
const becomeReady = async ({ read, ended, log, context, signal }: Waiting): Promise<void> => {
  let how: string | undefined
  void ended.then((way) => {
    how = way
  })
  const deadline = performance.now() + readyTimeout
  let at = 0
  let rest = ''
  for (;;) {
    signal.throwIfAborted()
    const over = how
    const bytes = await read(at)
    at += bytes.length
    const lines = (rest + bytes.toString('utf8')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const said = parseReady(line)
      if (said === undefined) continue
      if ('ready' in said) return
      context.progress(said.progress)
    }
    if (bytes.length > 0) continue
    if (over !== undefined) throw await endedEarly(over, log)
    if (performance.now() > deadline)
      throw new SeneschalError(
        'spawn.timeout',
        `Not ready within ${readyTimeout / 1000} s. ${(await lastLines(log)).join(' | ')}`,
      )
    await sleep(10)
  }
}

/** Undefined for an ordinary line of its log. */
const parseReady = (line: string) => {
  if (!line.startsWith('{')) return undefined
  try {
    const parsed = readyLine.safeParse(JSON.parse(line))
    return parsed.success ? parsed.data : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
