/** A child's two pipes as one stream, with back-pressure both ways and half-closing. */
import { Duplex, type Readable, type Writable } from 'node:stream'

/** Whoever reads no more may still have said why: that is waited for so long, ms. */
const lastWords = 2000

/**
 * Destroying it destroys both; either of them breaking or closing early destroys it, but what was said before the other
 * side stopped reading is heard first. It never emits 'error', which nobody may be there to hear: a pipe that breaks
 * shows as 'close', without 'end' where not everything was heard.
 */
export const pairStreams = (readable: Readable, writable: Writable): Duplex => {
  const broke = () => pair.destroy()
  let patience: NodeJS.Timeout | undefined
  const isHeardNoMore = () => {
    if (pair.readableEnded) broke()
    if (pair.destroyed || patience !== undefined) return
    patience = setTimeout(broke, lastWords)
    pair.once('end', broke)
  }
  const orBreak = (done: () => void) => (error?: Error | null) => {
    if (error) isHeardNoMore()
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
      clearTimeout(patience)
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
  writable.on('error', isHeardNoMore)
  return pair
}
