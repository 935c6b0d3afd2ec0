/** What happened in the present start of one server, kept for whoever comes to watch later. */
import type { ProgressEvent } from '../../protocol/api.ts'

type Listener = (event: ProgressEvent) => void

export type Progress = {
  readonly restart: () => void
  readonly tell: (event: ProgressEvent) => void
  /** Past events first, at once. */
  readonly listen: (listener: Listener) => () => void
}

/** A server that says too much while it starts fills nobody's memory. */
const kept = 200

export const createProgress = (first: ProgressEvent): Progress => {
  let events = [first]
  const listeners = new Set<Listener>()
  return {
    restart: () => {
      events = []
    },
    tell: (event) => {
      if (events.length === kept) events.shift()
      events.push(event)
      for (const listener of listeners) listener(event)
    },
    listen: (listener) => {
      for (const event of events) listener(event)
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
