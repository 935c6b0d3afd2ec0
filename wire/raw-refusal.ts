/** A refusal as the bytes of an HTTP/1.1 answer, for a connection that has no answer object (yet). */
import { STATUS_CODES } from 'node:http'
import type { ErrorBody } from '../protocol/api.ts'

export const rawRefusal = (status: number, refusal: ErrorBody): string => {
  const body = JSON.stringify(refusal)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
