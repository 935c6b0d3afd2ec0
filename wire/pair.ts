/** A child's two pipes as one stream, with back-pressure both ways and half-closing. */
import { Duplex, type Readable, type Writable } from 'node:stream'

/** Destroying it destroys both; either of them breaking or closing early destroys it. */
export const pairStreams = (readable: Readable, writable: Writable): Duplex => {
  const pair = new Duplex({
    read: () => {
      readable.resume()
    },
    write: (chunk, encoding, done) => {
      writable.write(chunk, encoding, done)
    },
    final: (done) => {
      writable.end(done)
    },
    destroy: (error, done) => {
      readable.destroy()
      writable.destroy()
      done(error)
    },
  })
  readable.on('data', (chunk) => {
    if (!pair.push(chunk)) readable.pause()
  })
  readable.pause()
  readable.on('end', () => pair.push(null))
  // A pipe that breaks shows as EPIPE or an early close; whoever reads the pair learns of either by its 'close'.
  const broke = () => pair.destroy()
  readable.on('error', broke).on('close', () => {
    if (!readable.readableEnded) broke()
  })
  writable.on('error', broke)
  return pair
}
