/**
 * Two ends of an open WebSocket: the UI server's bytes go to the browser as they are, with back-pressure; the
 * browser's go nowhere, except that its closing closes. The hub closes towards the browser between two frames.
 */
import type { Duplex } from 'node:stream'
import { closeCodes } from '../../protocol/frames.ts'
import { closeFrame, createFrameBoundaries } from './websocket-frames.ts'

export type Pipe = {
  /** Says the code to the browser as soon as a frame ends, and ends both sides. Safe to repeat. */
  readonly close: (code: number) => void
  readonly closed: Promise<void>
}

/** A frame that takes longer to end is cut: whoever is to lose a socket loses it within a second, ms. */
const frameMayTake = 500
/** Then the browser has so long to answer our close before its connection is cut, ms. */
const answerMayTake = 2000

export const pipe = (browser: Duplex, server: Duplex, serverHead: Buffer, browserHead: Buffer): Pipe => {
  const down = createFrameBoundaries(false)
  const up = createFrameBoundaries(true)
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  let code: number | undefined
  let said = false
  let cut: NodeJS.Timeout | undefined

  const end = () => {
    server.destroy()
    browser.destroy()
  }
  const cutAfter = (ms: number) => {
    clearTimeout(cut)
    cut = setTimeout(end, ms)
  }
  const say = () => {
    if (said || code === undefined) return
    said = true
    server.destroy()
    browser.end(closeFrame(code))
    cutAfter(answerMayTake)
  }
  const close = (wanted: number) => {
    if (code !== undefined) return
    code = wanted
    if (!down.between()) cutAfter(frameMayTake)
    else say()
  }

  const fromServer = (bytes: Buffer) => {
    if (said) return
    let ends: number
    try {
      ends = down.push(bytes)
    } catch {
      // It does not speak the protocol (any more): nothing of these bytes is passed on.
      return end()
    }
    if (down.closing()) {
      // Why a socket ends is the hub's to say: a code of the server's could tell a page that its session is over.
      browser.write(bytes.subarray(0, ends))
      code ??= closeCodes.restart
      return say()
    }
    if (code === undefined || ends === 0) {
      if (!browser.write(bytes)) server.pause()
      return
    }
    browser.write(bytes.subarray(0, ends))
    say()
  }
  const fromBrowser = (bytes: Buffer) => {
    try {
      up.push(bytes)
    } catch {
      return end()
    }
    if (!up.closing()) return
    if (said) end()
    else close(1000)
  }

  browser.on('drain', () => server.resume())
  browser.on('data', fromBrowser)
  server.on('data', fromServer)
  // Each side's errors are followed by its 'close'.
  browser.on('error', end)
  server.on('error', end)
  server.once('end', () => close(closeCodes.restart))
  server.once('close', () => close(closeCodes.restart))
  browser.once('close', () => {
    clearTimeout(cut)
    server.destroy()
    resolve()
  })
  browser.once('end', end)
  if (serverHead.length > 0) fromServer(serverHead)
  if (browserHead.length > 0) fromBrowser(browserHead)
  return { close, closed }
}
