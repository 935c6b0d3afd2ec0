/** The hub's clock, carried on by one that nobody sets back, and a beat for everything that shows a duration. */
import { computed, signal } from '@preact/signals'

const offset = signal(Date.now() - performance.now())

/** The hub's time, epoch ms. */
export const hubNow = (): number => offset.peek() + performance.now()

/** Corrects the clock; small differences are the network's and are left alone, so that countdowns do not jitter. */
export const setHubClock = (now: number): void => {
  const found = now - performance.now()
  if (Math.abs(found - offset.peek()) > 400) offset.value = found
}

/** Hub time that changes once a second. */
export const beat = signal(hubNow())
/** The same once in ten seconds, for what is coarse. */
export const slowBeat = computed(() => Math.floor(beat.value / 10_000) * 10_000)

export const startClock = (): void => {
  const next = () => {
    beat.value = hubNow()
    setTimeout(next, 1000 - (hubNow() % 1000) + 5)
  }
  next()
}
