/** A hub as a command line sees it: the same gate, session and grants as the browser's. */
import type { z } from 'zod/mini'
import { errorBody, sessionBody } from '../../protocol/api.ts'
import { errorTable, isErrorCode, SeneschalError } from '../../protocol/errors.ts'
import { cookieFor, type Env, keepCookie } from './session-file.ts'

export type HubClient = {
  readonly hub: string
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

const failure = (status: number, body: unknown): SeneschalError => {
  const parsed = errorBody.safeParse(body)
  if (!parsed.success)
    return new SeneschalError('lost.connection', `The hub answered ${status}, and not as one.`)
  const { code, message } = parsed.data.error
  if (!isErrorCode(code)) return new SeneschalError('lost.connection', `The hub says: ${message} [${code}]`)
  const { text } = errorTable[code]
  return new SeneschalError(
    code,
    message.startsWith(text) ? message.slice(text.length).trim() || undefined : message,
  )
}

/** With a token it reads alone; the session of this command line is left out of it. */
export const createHubClient = (hub: string, env: Env, token?: string): HubClient => {
  const ask = async (
    method: string,
    path: string,
    more: Readonly<Record<string, string>>,
    body?: unknown,
  ) => {
    const cookie = token === undefined ? cookieFor(hub, env) : undefined
    let response: Response
    try {
      response = await fetch(new URL(path, hub), {
        method,
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
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
      throw new SeneschalError('lost.connection', `${hub} does not answer.`, { cause })
    }
    for (const line of response.headers.getSetCookie()) {
      const [name, value] = (line.split(';', 1)[0] ?? '').split('=')
      if (name === cookieName) await keepCookie(hub, value === '' ? undefined : value, env)
    }
    const text = await response.text()
    let answer: unknown
    try {
      answer = text === '' ? undefined : JSON.parse(text)
    } catch {
      throw failure(response.status, undefined)
    }
    if (!response.ok) throw failure(response.status, answer)
    return { status: response.status, body: answer }
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
    get: async (path, schema) => parsed(schema, (await ask('GET', path, {})).body),
    change: async (method, path, body, schema) => {
      const isOpen = path === '/auth/device' || path === '/auth/device/token'
      const answer = await ask(method, path, { origin: hub, ...(isOpen ? {} : await csrf()) }, body)
      return { status: answer.status, body: schema === undefined ? undefined : parsed(schema, answer.body) }
    },
    forget: () => keepCookie(hub, undefined, env),
  }
}
