/** A hub as a command line sees it: the same gate, session and grants as the browser's. */
import type { z } from 'zod/mini'
import { errorBody, sessionBody } from '../../protocol/api.ts'
import { type ErrorCode, errorTable, isErrorCode, SeneschalError } from '../../protocol/errors.ts'
import { cookieFor, type Env, keepCookie } from './session-file.ts'

export type HubClient = {
  readonly hub: string
  /** Whether it reads with a script's token. */
  readonly isToken: boolean
  /** An answer whose body is read as it comes, for as long as it takes; throws for any that is not 2xx. */
  readonly open: (path: string) => Promise<Response>
  readonly get: <T>(path: string, schema: z.ZodMiniType<T>) => Promise<T>
  /** Of the session, where there is one: with its CSRF token. Resolves to the status too. */
  readonly change: <T>(
    method: 'POST' | 'DELETE',
    path: string,
    body: unknown,
    schema?: z.ZodMiniType<T>,
  ) => Promise<{ readonly status: number; readonly body: T | undefined }>
  readonly forget: () => Promise<void>
}

const cookieName = '__Host-seneschal'
const timeoutMs = 60_000

/** What helps whoever reads it on a command line. */
const adviceFor = (code: ErrorCode, hub: string): string | undefined =>
  code === 'session.ended' || code === 'session.missing' ? `seneschal login ${hub}` : undefined

const failure = (hub: string, status: number, body: unknown): SeneschalError => {
  const parsed = errorBody.safeParse(body)
  if (!parsed.success)
    return new SeneschalError('lost.connection', `${hub} answered ${status}, and not as a hub.`)
  const { code, message } = parsed.data.error
  if (!isErrorCode(code)) return new SeneschalError('lost.connection', `The hub says: ${message} [${code}]`)
  const { text } = errorTable[code]
  return new SeneschalError(
    code,
    message.startsWith(text) ? message.slice(text.length).trim() || adviceFor(code, hub) : message,
  )
}

/** Why, as far as the system says it: `ECONNREFUSED`, a certificate that does not hold, the time that was over. */
const reasonOf = (thrown: unknown): string => {
  const { name, cause } = thrown instanceof Error ? thrown : { name: '', cause: undefined }
  if (name === 'TimeoutError') return ` within ${timeoutMs / 1000} s`
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return typeof code === 'string' ? ` (${code})` : ''
}

/** With a token it reads alone; the session of this command line is left out of it. */
export const createHubClient = (hub: string, env: Env, token?: string): HubClient => {
  /** Any answer, with its cookie kept. `limit`: ms for all of it; undefined where its body may take its time. */
  const send = async (
    method: string,
    path: string,
    more: Readonly<Record<string, string>>,
    body?: unknown,
    limit: number | undefined = timeoutMs,
  ): Promise<Response> => {
    const cookie = token === undefined ? cookieFor(hub, env) : undefined
    let response: Response
    try {
      response = await fetch(new URL(path, hub), {
        method,
        redirect: 'error',
        ...(limit === undefined ? {} : { signal: AbortSignal.timeout(limit) }),
        headers: {
          accept: 'application/json',
          ...(cookie === undefined ? {} : { cookie: `${cookieName}=${cookie}` }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...more,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    } catch (cause) {
      throw new SeneschalError('lost.connection', `${hub} does not answer${reasonOf(cause)}.`, { cause })
    }
    for (const line of response.headers.getSetCookie()) {
      const [name, value] = (line.split(';', 1)[0] ?? '').split('=')
      if (name === cookieName) await keepCookie(hub, value === '' ? undefined : value, env)
    }
    return response
  }
  const bodyOf = async (response: Response): Promise<unknown> => {
    const text = await response.text().catch((cause: unknown) => {
      throw new SeneschalError('lost.connection', `${hub} broke its answer off.`, { cause })
    })
    try {
      return text === '' ? undefined : JSON.parse(text)
    } catch {
      throw failure(hub, response.status, undefined)
    }
  }
  const ask = async (...asked: Parameters<typeof send>) => {
    const response = await send(...asked)
    const body = await bodyOf(response)
    if (!response.ok) throw failure(hub, response.status, body)
    return { status: response.status, body }
  }
  const parsed = <T>(schema: z.ZodMiniType<T>, body: unknown): T => {
    const found = schema.safeParse(body)
    if (found.success) return found.data
    throw new SeneschalError('lost.connection', 'The hub answers in a way that this version does not know.')
  }
  const csrf = async (): Promise<Readonly<Record<string, string>>> => {
    if (cookieFor(hub, env) === undefined) return {}
    const { body } = await ask('GET', '/api/session', {})
    return { 'x-csrf-token': parsed(sessionBody, body).csrf }
  }

  return {
    hub,
    isToken: token !== undefined,
    open: async (path) => {
      const response = await send('GET', path, { accept: '*/*' }, undefined, undefined)
      if (!response.ok) throw failure(hub, response.status, await bodyOf(response))
      return response
    },
    get: async (path, schema) => parsed(schema, (await ask('GET', path, {})).body),
    change: async (method, path, body, schema) => {
      const isOpen = path === '/auth/device' || path === '/auth/device/token'
      const answer = await ask(method, path, { origin: hub, ...(isOpen ? {} : await csrf()) }, body)
      return { status: answer.status, body: schema === undefined ? undefined : parsed(schema, answer.body) }
    },
    forget: () => keepCookie(hub, undefined, env),
  }
}
