/** What the browser gives to `stream.ts`: sockets of our own origin, timers, a clock that nobody sets back. */
import type { StreamParts } from './stream.ts'

export const browserParts: StreamParts = {
  connect: (path, on) => {
    const socket = new WebSocket(new URL(path, location.href.replace(/^http/, 'ws')))
    socket.onopen = on.open
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (typeof event.data === 'string') on.message(event.data)
    }
    socket.onclose = (event) => on.close(event.code)
    return { close: () => socket.close() }
  },
  after: (ms, run) => {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
  now: () => performance.now(),
  random: Math.random,
}

/** Calls back when a tab that slept or was offline is looked at again. */
export const onWake = (wake: () => void): (() => void) => {
  const visible = () => {
    if (document.visibilityState === 'visible') wake()
  }
  addEventListener('online', wake)
  document.addEventListener('visibilitychange', visible)
  return () => {
    removeEventListener('online', wake)
    document.removeEventListener('visibilitychange', visible)
  }
}

/** Runs what changes the picture at most ten times a second and never in the middle of a frame. */
export const createDefer = (): ((run: () => void) => void) => {
  let last = 0
  return (run) => {
    const wait = Math.max(0, 80 - (performance.now() - last))
    setTimeout(() => {
      last = performance.now()
      // A hidden page draws no frames, but its title and counts go on.
      if (document.visibilityState === 'visible') requestAnimationFrame(run)
      else run()
    }, wait)
  }
}
