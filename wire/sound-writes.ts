/** Makes an HTTP/2 stream of Node safe to write to: without this it may send memory that is somebody else's by then. */
import type { Http2Session, Http2Stream } from 'node:http2'

type Piece = { readonly chunk: unknown; readonly encoding: BufferEncoding }
type Keeper = (buffers: readonly Buffer[]) => void

/** What was written before a ping has left this process when the ping is answered. */
const createKeeper = (session: Http2Session): Keeper => {
  let kept: (readonly Buffer[])[] = []
  let asking = false
  const ask = (): void => {
    // A session that is over sends nothing any more.
    if (session.destroyed) kept = []
    if (asking || kept.length === 0) return
    const count = kept.length
    asking = true
    session.ping((error) => {
      asking = false
      if (error === null) kept.splice(0, count)
      // Refused where many are under way, and by a session that ends when its last stream has.
      if (error === null) ask()
      else setTimeout(ask, 1000).unref()
    })
  }
  return (buffers) => {
    kept.push(buffers)
    ask()
  }
}

const keepers = new WeakMap<Http2Session, Keeper>()
const keeperOf = (session: Http2Session): Keeper => {
  const keeper = keepers.get(session) ?? createKeeper(session)
  keepers.set(session, keeper)
  return keeper
}

const toBuffer = ({ chunk, encoding }: Piece): Buffer =>
  Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk), encoding)

/**
 * Node (up to 26.10 at least) holds the memory of a batch of pieces, and of a piece that is sent in several frames,
 * only until its last byte is done with. It is so too early in two cases:
 *
 * An empty piece is done with as soon as it is come upon, while those before it still wait for the socket. Every
 * HTTP/1.1 message ends with an empty piece. So no batch has one.
 *
 * A stream that is cut gives up what is left of a batch, while frames of the same batch still wait for the socket.
 * Their memory is then freed or used anew: the other end gets it as data, or the write fails as a whole, unnoticed,
 * and the session is out of step for good. So pieces are in memory that we hold, until all of it has been sent.
 */
export const soundWrites = <S extends Http2Stream>(stream: S): S => {
  const { session, _writev: writev } = stream
  if (session === undefined || writev === undefined) return stream
  const keep = keeperOf(session)
  let underWay: readonly Buffer[] | undefined

  const write = (pieces: readonly Piece[], done: (error?: Error | null) => void): void => {
    const buffers = pieces.map(toBuffer).filter(({ length }) => length > 0)
    if (buffers.length === 0) {
      done()
      return
    }
    underWay = buffers
    const batch = buffers.map((chunk) => ({ chunk, encoding: 'buffer' as BufferEncoding }))
    // By this Node tells that it may take the pieces as they are.
    Object.assign(batch, { allBuffers: true })
    writev.call(stream, batch, (error) => {
      if (error == null && !stream.destroyed) underWay = undefined
      done(error)
    })
  }
  stream._write = (chunk, encoding, done) => write([{ chunk, encoding }], done)
  stream._writev = write
  stream.once('close', () => {
    if (underWay !== undefined) keep(underWay)
    underWay = undefined
  })
  return stream
}
