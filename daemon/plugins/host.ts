/**
 * The daemon's end of a plugin's host: started when it is needed, asked one thing at a time, ended when it does not
 * answer in time or does what it should not, and started again. Whatever a plugin does, one call fails and no other.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLineSplitter } from '../../durable/line-splitter.ts'
import { parseStrictJson } from '../../durable/strict-json.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import {
  answerDescriptor,
  type HostAnswer,
  type HostCall,
  hostAnswer,
  hostLineLimit,
} from './host-messages.ts'
import { pluginEnvironment } from './sandbox.ts'

type Decide = Omit<Extract<HostCall, { op: 'decide' }>, 'id'>
type Load = Omit<Extract<HostCall, { op: 'load' }>, 'id'>

export type PluginHost = {
  /** What the plugin says of itself. */
  readonly load: () => Promise<HostAnswer>
  /** Rejects with `plugin.failed`, `plugin.timeout` or, while too many wait, `rate.limited`. */
  readonly decide: (call: Decide) => Promise<HostAnswer>
  readonly close: () => void
}

export type HostSettings = {
  readonly command: readonly [string, ...string[]]
  /** It has a sandbox, whose end takes everything with it. */
  readonly sandboxed: boolean
  readonly load: Load
  readonly timeLimitMs: number
  readonly now: () => number
  /** The last words of one that failed: for operators and authors. */
  readonly onFailure: (why: string, output: string) => void
}

/** Node and a plugin with much to load, on a busy machine. */
const loadLimitMs = 30_000
const mostPrinted = 256 * 1024
const mostKept = 2000
const mostWaiting = 1000
const firstPause = 200
const longestPause = 30_000
/** Who comes while a failed one waits to be started again waits with it, if it is not long. */
const worthWaiting = 1000

type Running = {
  readonly child: ChildProcess
  readonly ask: (line: string, id: number) => Promise<HostAnswer>
  readonly end: (error: SeneschalError) => void
}

const failed = (why: string): SeneschalError => new SeneschalError('plugin.failed', why)

export const createHost = (settings: HostSettings): PluginHost => {
  const { now } = settings
  let running: Running | undefined
  let queue: Promise<unknown> = Promise.resolve()
  let waiting = 0
  let nextId = 0
  let failures = 0
  let notBefore = 0
  const closed = new AbortController()

  const kill = (child: ChildProcess): void => {
    // Without a sandbox it leads a process group, which most of what it started is in.
    if (settings.sandboxed || child.pid === undefined) child.kill('SIGKILL')
    else
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch {
        child.kill('SIGKILL')
      }
  }

  const start = (): Running => {
    const [program, ...args] = settings.command
    const child = spawn(program, args, {
      env: pluginEnvironment,
      detached: !settings.sandboxed,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    })
    let current: { readonly id: number; readonly answer: PromiseWithResolvers<HostAnswer> } | undefined
    let printed = 0
    let output = ''
    let over = false

    const end = (error: SeneschalError): void => {
      if (over) return
      over = true
      if (running?.child === child) running = undefined
      kill(child)
      if (!closed.signal.aborted) settings.onFailure(error.message, output)
      current?.answer.reject(error)
    }
    const listen = (chunk: Buffer): void => {
      printed += chunk.length
      output = (output + chunk.toString('utf8')).slice(-mostKept)
      if (printed > mostPrinted) end(failed('It printed without end.'))
    }
    const take = createLineSplitter(hostLineLimit, (line) => {
      const answer = hostAnswer.parse(parseStrictJson(Buffer.from(line)))
      if (answer.id !== current?.id) throw new SeneschalError('input.invalid')
      current.answer.resolve(answer)
      current = undefined
    })
    const answers = child.stdio[answerDescriptor] as Readable
    answers.on('data', (chunk: Buffer) => {
      try {
        take(chunk)
      } catch {
        end(failed('Its answer is none.'))
      }
    })
    child.stdout?.on('data', listen)
    child.stderr?.on('data', listen)
    for (const stream of child.stdio) stream?.on('error', () => end(failed('The line to it broke.')))
    child.once('error', (error) => end(failed(`It cannot be started: ${error.message}.`)))
    child.once('close', (code, signal) => end(failed(`Its process ended with ${signal ?? `exit ${code}`}.`)))
    return {
      child,
      end,
      ask: (line, id) => {
        const answer = Promise.withResolvers<HostAnswer>()
        printed = 0
        if (over) return Promise.reject(failed('Its process has ended.'))
        current = { id, answer }
        const input = child.stdin as Writable
        input.write(line)
        return answer.promise
      },
    }
  }

  const ask = async (to: Running, body: Decide | Load, limit: number): Promise<HostAnswer> => {
    const id = ++nextId
    const late = setTimeout(
      () => to.end(new SeneschalError('plugin.timeout', `It may take ${limit / 1000} s.`)),
      limit,
    )
    try {
      const answer = await to.ask(`${JSON.stringify({ ...body, id })}\n`, id)
      if ('error' in answer) throw failed(answer.error.slice(0, 500))
      return answer
    } finally {
      clearTimeout(late)
    }
  }

  /** Its process ended by itself, or had to be: the next one is started later each time. */
  const ended = (): void => {
    failures += 1
    notBefore = now() + Math.min(longestPause, firstPause * 2 ** (failures - 1))
  }

  const ready = async (): Promise<{ readonly to: Running; readonly loaded?: HostAnswer }> => {
    if (running !== undefined) return { to: running }
    const pause = notBefore - now()
    if (pause > worthWaiting)
      throw failed(`It failed ${failures} times and is started again in ${Math.ceil(pause / 1000)} s.`)
    if (pause > 0) await sleep(pause, undefined, { signal: closed.signal })
    const to = start()
    running = to
    try {
      return { to, loaded: await ask(to, settings.load, loadLimitMs) }
    } catch (error) {
      to.end(error instanceof SeneschalError ? error : failed('It cannot be loaded.'))
      throw error
    }
  }

  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (waiting >= mostWaiting) throw new SeneschalError('rate.limited')
    waiting += 1
    const mine = queue.then(work)
    queue = mine.catch(() => undefined)
    try {
      return await mine
    } finally {
      waiting -= 1
    }
  }

  const guarded = <T>(work: () => Promise<T>): Promise<T> =>
    inTurn(async () => {
      if (closed.signal.aborted) throw failed('The daemon ends.')
      try {
        const result = await work()
        failures = 0
        return result
      } catch (error) {
        // One that says itself what went wrong goes on living.
        if (running === undefined && notBefore <= now()) ended()
        throw error
      }
    })

  return {
    load: () =>
      guarded(async () => {
        const { to, loaded } = await ready()
        return loaded ?? (await ask(to, settings.load, loadLimitMs))
      }),
    decide: (call) =>
      guarded(async () => {
        const { to } = await ready()
        return await ask(to, call, settings.timeLimitMs)
      }),
    close: () => {
      closed.abort()
      running?.end(failed('The daemon ends.'))
    },
  }
}
