/** The daemon's log: JSON lines without grants, scripts or environments, whatever the level. */
import { type DestinationStream, pino } from 'pino'

export type Log = {
  readonly info: (context: Readonly<Record<string, unknown>>, message: string) => void
  readonly warn: (context: Readonly<Record<string, unknown>>, message: string) => void
  readonly error: (context: Readonly<Record<string, unknown>>, message: string) => void
}

export const createLog = (to?: DestinationStream): Log =>
  pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime },
    to ?? pino.destination({ fd: 1, sync: true }),
  )
