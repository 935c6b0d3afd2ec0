/**
 * One log file: first its end, then what comes while its job runs. Each answer goes on at the byte where the one
 * before it stopped, so a lost connection loses nothing.
 */
import { signal } from '@preact/signals'
import { appendLog, emptyLog, fromWholeLine, holdBack, type LogText, readable } from '../model/log.ts'
import { type ApiError, asApiError } from './api.ts'
import { api } from './session.ts'
import { accountPath } from './workflow.ts'

export type LogPhase = 'loading' | 'following' | 'whole' | 'waiting' | 'failed'

/** What is shown of a large file at first, bytes. */
const tail = 256 * 1024
/** Before asking again after an answer that was short, or an error, ms. */
const pauseBetween = 1_500

export type LogOptions = {
  readonly account: string
  /** Job key. */
  readonly job: string
  readonly file: string
  /** Whether the job may still write. */
  readonly active: () => boolean
  readonly fromStart: boolean
}

const startOf = (response: Response): number => {
  const range = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')
  return range?.[1] === undefined ? 0 : Number(range[1])
}

export const openLog = (options: LogOptions) => {
  const text = signal<LogText>(emptyLog)
  const phase = signal<LogPhase>('loading')
  const error = signal<ApiError | undefined>(undefined)
  const stop = new AbortController()
  /** Bytes of the file that were read; undefined before the first answer. */
  let offset: number | undefined
  let carry = ''
  /** One for the whole file: an answer may end in the middle of a letter, and the next one goes on there. */
  let decoder = new TextDecoder()

  const path = accountPath(
    options.account,
    `jobs/${encodeURIComponent(options.job)}/logs/${encodeURIComponent(options.file)}`,
  )
  const ask = (follow: boolean): Promise<Response> => {
    const headers: Record<string, string> = { accept: 'text/plain' }
    const query = new URLSearchParams()
    if (offset === undefined) {
      if (!options.fromStart) query.set('tail', String(tail))
    } else if (follow) {
      query.set('follow', '1')
      query.set('offset', String(offset))
    } else headers.range = `bytes=${offset}-`
    const suffix = query.size === 0 ? '' : `?${query}`
    return api.raw('GET', path + suffix, { signal: stop.signal, headers })
  }
  const add = (piece: string) => {
    const [ready, rest] = holdBack(carry + piece)
    carry = rest
    if (ready !== '') text.value = appendLog(text.peek(), ready)
  }
  const begin = (start: number) => {
    offset = start
    carry = ''
    decoder = new TextDecoder()
    text.value = { text: '', cut: start > 0 }
  }

  /** Reads one answer to its end. */
  const take = async (response: Response, follow: boolean) => {
    const first = offset === undefined
    // A range that was answered with everything: the file is another one now.
    if (first || (!follow && response.status === 200)) begin(startOf(response))
    if (response.body === null) return
    if (follow) phase.value = 'following'
    let half = first && text.peek().cut
    const reader = response.body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      offset = (offset ?? 0) + value.byteLength
      const piece = decoder.decode(value, { stream: true })
      add(half ? fromWholeLine(piece) : piece)
      half = false
    }
  }

  /** One question and its answer; says whether that was all there will be. */
  const round = async (): Promise<boolean> => {
    const active = options.active()
    const follow = active && offset !== undefined
    try {
      await take(await ask(follow), follow)
      error.value = undefined
      return !active
    } catch (thrown) {
      if (stop.signal.aborted) return true
      const problem = asApiError(thrown)
      // 416: nothing since. 404 while the job runs: nothing was written yet.
      if (problem.status === 416) offset ??= 0
      else if (problem.status !== 404 || !active) error.value = problem
      phase.value = active ? 'waiting' : 'failed'
      return !active
    }
  }
  const pause = () => new Promise<void>((done) => setTimeout(done, pauseBetween))

  const run = async () => {
    let asked = performance.now()
    while (!(await round())) {
      const first = asked
      asked = performance.now()
      if (asked - first < pauseBetween && phase.peek() !== 'loading') await pause()
      if (stop.signal.aborted) return
    }
    if (stop.signal.aborted) return
    add(decoder.decode())
    if (carry !== '') text.value = appendLog(text.peek(), readable(carry))
    if (error.peek() === undefined) phase.value = 'whole'
  }
  void run()

  return { text, phase, error, close: () => stop.abort() }
}
