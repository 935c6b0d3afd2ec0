/** Talks to the hub over HTTP: the only way by which the browser changes anything. */
import type { z } from 'zod/mini'
import { errorBody } from '../../protocol/api.ts'
import { errorTable, isErrorCode } from '../../protocol/errors.ts'

/** What went wrong, as the hub says it; `lost.connection` where it said nothing. */
export class ApiError extends Error {
  readonly code: string
  readonly status: number

  constructor(code: string, status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ApiError'
    this.code = code
    this.status = status
  }
}

/** The sentence of a code, for rows that bring only the code. */
export const sentenceOf = (code: string | null | undefined): string | undefined =>
  isErrorCode(code) ? errorTable[code].text : (code ?? undefined)

const lost = (cause: unknown) =>
  new ApiError('lost.connection', 0, errorTable['lost.connection'].text, { cause })

/** Any thrown value as something to show; a fault of this page itself is not dressed up as the hub's. */
export const asApiError = (thrown: unknown): ApiError =>
  thrown instanceof ApiError
    ? thrown
    : new ApiError(
        'internal',
        0,
        `This page failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
        {
          cause: thrown,
        },
      )

const readError = async (response: Response): Promise<ApiError> => {
  const body: unknown = await response.json().catch(() => undefined)
  const parsed = errorBody.safeParse(body)
  if (parsed.success) return new ApiError(parsed.data.error.code, response.status, parsed.data.error.message)
  return new ApiError('internal', response.status, `The hub answered ${response.status} without saying why.`)
}

export type ApiParts = {
  readonly fetch: typeof fetch
  readonly csrf: () => string
  /** Fetches the session again; resolves with its new token. */
  readonly refresh: () => Promise<string>
  /** The session is over. */
  readonly ended: (error: ApiError) => void
}

export type Method = 'GET' | 'POST' | 'DELETE'
export type CallOptions = {
  readonly body?: unknown
  readonly signal?: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
}

export const createApi = (parts: ApiParts) => {
  const send = async (
    method: Method,
    path: string,
    options: CallOptions,
    token: string,
  ): Promise<Response> => {
    const headers: Record<string, string> = { accept: 'application/json', ...options.headers }
    if (method !== 'GET') headers['x-csrf-token'] = token
    if (options.body !== undefined) headers['content-type'] = 'application/json'
    try {
      return await parts.fetch(path, {
        method,
        headers,
        credentials: 'same-origin',
        cache: 'no-store',
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      })
    } catch (thrown) {
      if (options.signal?.aborted === true) throw thrown
      throw lost(thrown)
    }
  }

  /** A response that is 2xx; anything else is thrown as an ApiError. A stale CSRF token is renewed once. */
  const raw = async (method: Method, path: string, options: CallOptions = {}): Promise<Response> => {
    const response = await send(method, path, options, parts.csrf())
    if (response.ok) return response
    const error = await readError(response)
    if (error.code === 'csrf.invalid' && method !== 'GET') {
      const again = await send(method, path, options, await parts.refresh())
      if (again.ok) return again
      throw await readError(again)
    }
    if (error.status === 401 && error.code.startsWith('session.')) parts.ended(error)
    throw error
  }

  const parse = async <T>(response: Response, schema: z.ZodMiniType<T>): Promise<T> => {
    const value: unknown = await response.json().catch((thrown: unknown) => {
      throw lost(thrown)
    })
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
    throw new ApiError(
      'internal',
      response.status,
      'The answer is not one that this page understands. Reload it.',
    )
  }

  return {
    raw,
    get: async <T>(path: string, schema: z.ZodMiniType<T>, options: CallOptions = {}): Promise<T> =>
      parse(await raw('GET', path, options), schema),
    post: async <T>(path: string, body: unknown, schema: z.ZodMiniType<T>): Promise<T> =>
      parse(await raw('POST', path, { body }), schema),
    change: async (method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<void> => {
      await raw(method, path, body === undefined ? {} : { body })
    },
  }
}
