/** The daemon's log: JSON lines without grants, scripts or environments, whatever the level. */
import { type DestinationStream, pino } from 'pino'
import { openLogOutput } from '../durable/log-output.ts'

export type Log = {
  readonly info: (context: Readonly<Record<string, unknown>>, message: string) => void
  readonly warn: (context: Readonly<Record<string, unknown>>, message: string) => void
  readonly error: (context: Readonly<Record<string, unknown>>, message: string) => void
}

const lostLines = (count: number): string =>
  `${JSON.stringify({ level: 50, msg: `${count} lines of this log could not be written` })}\n`

export const createLog = (to?: DestinationStream): Log =>
  pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime },
    to ?? openLogOutput({ fd: 1, lost: lostLines }),
  )
