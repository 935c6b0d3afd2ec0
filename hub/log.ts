/** The hub's log: lines of JSON that hold no secret, whatever the level. */
import { pino } from 'pino'
import { openLogOutput } from '../durable/log-output.ts'
import type { HubConfig } from './config.ts'
import type { Log } from './context.ts'

type Described = {
  readonly type: string
  readonly message: string
  readonly code?: unknown
  readonly stack?: string | undefined
  readonly cause?: Described
}

/** Name, text and place of an error and its causes; not its other properties, which may hold tokens or bodies. */
export const describeError = (thrown: unknown): Described => {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: String(thrown).slice(0, 200) }
  return {
    type: thrown.name,
    message: thrown.message,
    ...('code' in thrown ? { code: thrown.code } : {}),
    stack: thrown.stack,
    ...(thrown.cause instanceof Error ? { cause: describeError(thrown.cause) } : {}),
  }
}

/** Queries hold codes and states of sign-ins, so only paths are written. */
const pathOf = (url: unknown): string | undefined =>
  typeof url === 'string' ? url.split('?', 1)[0] : undefined

const lostLines = (count: number): string =>
  `${JSON.stringify({ level: 50, msg: `${count} lines of this log could not be written` })}\n`

export const createLog = (
  config: Pick<HubConfig, 'logLevel' | 'name'>,
  to?: { readonly write: (line: string) => void },
): Log =>
  pino(
    {
      level: config.logLevel,
      base: { hub: config.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: {
        err: describeError,
        req: (request: { readonly method?: unknown; readonly url?: unknown; readonly ip?: unknown }) => ({
          method: request.method,
          path: pathOf(request.url),
          address: request.ip,
        }),
      },
    },
    to ?? openLogOutput({ fd: 1, lost: lostLines }),
  )
