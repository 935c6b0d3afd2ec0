/** A server that nobody uses ends: only what succeeded counts as use, and open streams do as long as they are open. */

export type Idle = { readonly touch: () => void; readonly stop: () => void }

export const createIdle = (settings: {
  readonly afterMs: number
  readonly isBusy: () => boolean
  readonly onIdle: () => void
}): Idle => {
  const { afterMs, isBusy, onIdle } = settings
  let stopped = false
  const timer = setTimeout(() => {
    if (isBusy()) timer.refresh()
    else onIdle()
  }, afterMs)
  return {
    touch: () => {
      if (!stopped) timer.refresh()
    },
    stop: () => {
      stopped = true
      clearTimeout(timer)
    },
  }
}
