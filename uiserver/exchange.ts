/** One HTTP request and how it is answered: data of few types, never pages. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Who } from '../policy/types.ts'
import type { ErrorBody } from '../protocol/api.ts'
import { SeneschalError } from '../protocol/errors.ts'
import type { Assertion } from '../protocol/tokens.ts'

export type Viewer = { readonly who: Who; readonly assertion: Assertion }

export type Exchange = {
  /** For the error body and the log. */
  readonly id: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly viewer: Viewer
}

export const jsonType = 'application/json; charset=utf-8'
export const linesType = 'application/x-ndjson; charset=utf-8'
export const textType = 'text/plain; charset=utf-8'

export const sendJson = (response: ServerResponse, status: number, body: unknown): void => {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': jsonType,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  })
  response.end(text)
}

export const errorBodyOf = ({ code, message }: SeneschalError, id: string): ErrorBody => ({
  error: { code, message, request: id },
})

/** A parameter that may be left out, but not be something else. */
export const optional = (
  query: URLSearchParams,
  name: string,
  pattern: { readonly safeParse: (value: unknown) => { readonly success: boolean } },
): string | undefined => {
  const value = query.get(name)
  if (value === null || value === '') return undefined
  if (!pattern.safeParse(value).success) throw new SeneschalError('input.invalid', `${name} is not valid.`)
  return value
}

/** A whole number within bounds; `fallback` where it is left out. */
export const whole = (query: URLSearchParams, name: string, fallback: number, most: number): number => {
  const value = query.get(name)
  if (value === null || value === '') return fallback
  if (!/^\d{1,15}$/.test(value)) throw new SeneschalError('input.invalid', `${name} is not a number.`)
  return Math.min(Number(value), most)
}
