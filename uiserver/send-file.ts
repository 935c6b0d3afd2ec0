/** A file as an answer: whole, a range, its last bytes, or nothing new. In pieces, at the reader's pace. */
import { createReadStream, type Stats } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { closeFile } from '../durable/lines.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { type ByteRange, lastBytes, parseRange } from './byte-range.ts'
import { textType } from './exchange.ts'
import type { JobFile } from './job-files.ts'

const pieceBytes = 64 * 1024

const etagOf = ({ ino, size, mtimeMs }: Stats): string =>
  `"${ino.toString(36)}-${size.toString(36)}-${Math.trunc(mtimeMs * 1000).toString(36)}"`

const isUnchanged = ({ headers }: IncomingMessage, etag: string, stat: Stats): boolean => {
  const known = headers['if-none-match']
  if (known !== undefined) return known.split(',').some((one) => one.trim().replace(/^W\//, '') === etag)
  const since = Date.parse(headers['if-modified-since'] ?? '')
  return Math.floor(stat.mtimeMs / 1000) * 1000 <= since
}

const rangeOf = (
  { headers }: IncomingMessage,
  tail: string | null,
  etag: string,
  size: number,
): ByteRange => {
  if (tail !== null) {
    if (!/^\d{1,15}$/.test(tail)) throw new SeneschalError('input.invalid', 'tail is not a number.')
    return lastBytes(Number(tail), size)
  }
  const condition = headers['if-range']
  return condition === undefined || condition === etag ? parseRange(headers.range, size) : 'whole'
}

/** A file that was cut off meanwhile ends the answer in a way that shows: its length has been promised. */
const wholeOrBroken = (length: number) =>
  async function* (pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let sent = 0
    for await (const piece of pieces) {
      sent += piece.length
      yield piece
    }
    if (sent < length) throw new SeneschalError('file.unknown', 'It was cut off while it was sent.')
  }

/** Closes the file. `tail` = the last so many bytes, answered like a range so that the reader knows where they are. */
export const sendFile = async (
  request: IncomingMessage,
  response: ServerResponse,
  { fd, stat }: JobFile,
  tail: string | null,
): Promise<void> => {
  let streaming = false
  try {
    const etag = etagOf(stat)
    const headers = {
      'content-type': textType,
      'accept-ranges': 'bytes',
      etag,
      'last-modified': stat.mtime.toUTCString(),
      'cache-control': 'no-store',
    }
    const range = rangeOf(request, tail, etag, stat.size)
    if (isUnchanged(request, etag, stat)) {
      response.writeHead(304, { etag, 'last-modified': headers['last-modified'] }).end()
      return
    }
    if (range === 'unsatisfiable') {
      response
        .writeHead(416, { ...headers, 'content-range': `bytes */${stat.size}`, 'content-length': 0 })
        .end()
      return
    }
    const { start, end } = range === 'whole' ? { start: 0, end: stat.size } : range
    response.writeHead(range === 'whole' ? 200 : 206, {
      ...headers,
      'content-length': end - start,
      ...(range === 'whole' ? {} : { 'content-range': `bytes ${start}-${end - 1}/${stat.size}` }),
    })
    if (request.method === 'HEAD' || end === start) {
      response.end()
      return
    }
    streaming = true
    const pieces = createReadStream('', {
      fd,
      start,
      end: end - 1,
      highWaterMark: pieceBytes,
      autoClose: true,
    })
    await pipeline(pieces, wholeOrBroken(end - start), response)
  } finally {
    if (!streaming) await closeFile(fd)
  }
}
