/** A child's two pipes as one stream, with back-pressure both ways and half-closing. */
import { Duplex, type Readable, type Writable } from 'node:stream'

/**
 * Destroying it destroys both; either of them breaking or closing early destroys it. It never emits 'error', which
 * nobody may be there to hear: a pipe that breaks shows as 'close' without 'end'.
 */
export const pairStreams = (readable: Readable, writable: Writable): Duplex => {
  const broke = () => pair.destroy()
  const orBreak = (done: () => void) => (error?: Error | null) => {
    if (error) broke()
    else done()
  }
  const pair = new Duplex({
    read: () => {
      readable.resume()
    },
    write: (chunk, encoding, done) => {
      writable.write(chunk, encoding, orBreak(done))
    },
    final: (done) => {
      writable.end(orBreak(done))
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
  readable.on('error', broke).on('close', () => {
    if (!readable.readableEnded) broke()
  })
  writable.on('error', broke)
  return pair
}
