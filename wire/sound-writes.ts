/** Makes an HTTP/2 stream of Node safe to write to: without this it may send memory that is somebody else's by then. */
import type { Http2Stream } from 'node:http2'

/**
 * Node (up to 26.10 at least) writes buffered pieces as one batch, holds their memory until the last piece is done
 * with, and is done with an empty piece as soon as it comes upon it, while those before it still wait for the socket.
 * Every HTTP/1.1 message ends with an empty piece. So no batch has one.
 */
export const soundWrites = <S extends Http2Stream>(stream: S): S => {
  const writev = stream._writev
  if (writev === undefined) return stream
  stream._writev = (pieces, done) => {
    const filled = pieces.filter(({ chunk }) => chunk.length > 0)
    if (filled.length === 0) done()
    // The array that came says more about its pieces than its type does.
    else writev.call(stream, filled.length === pieces.length ? pieces : filled, done)
  }
  return stream
}
