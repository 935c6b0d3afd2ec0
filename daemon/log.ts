/** The daemon's log: JSON lines without grants, scripts or environments, whatever the level. */
import { type DestinationStream, type Logger, pino } from 'pino'
import { z } from 'zod/mini'
import { absolutePath } from '../config/schemas.ts'
import { openFileOutput } from '../durable/file-output.ts'
import { openLogOutput } from '../durable/log-output.ts'
import { openSyslogOutput } from './syslog.ts'

type Say = (context: Readonly<Record<string, unknown>>, message: string) => void
export type Log = {
  readonly info: Say
  readonly warn: Say
  readonly error: Say
  /** The log of one component, which may have a level of its own. */
  readonly of?: (component: Component) => Log
}

export const components = ['daemon', 'requests', 'hosts', 'plugins', 'copies', 'retention'] as const
export type Component = (typeof components)[number]

const level = z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])

export const logConfig = z.strictObject({
  /** Standard output (a service's journal), the system's log, or a file that SIGHUP opens anew. */
  to: z._default(z.union([z.enum(['stdout', 'syslog']), z.strictObject({ file: absolutePath })]), 'stdout'),
  level: z._default(level, 'info'),
  /** By component. */
  levels: z._default(z.partialRecord(z.enum(components), level), {}),
})
export type LogConfig = z.infer<typeof logConfig>

const lostLines = (count: number): string =>
  `${JSON.stringify({ level: 50, msg: `${count} lines of this log could not be written` })}\n`

type Output = { readonly stream: DestinationStream; readonly reopen: () => void; readonly close: () => void }
const nothing = () => undefined

const open = (to: LogConfig['to']): Output => {
  if (to === 'stdout')
    return { stream: openLogOutput({ fd: 1, lost: lostLines }), reopen: nothing, close: nothing }
  if (to === 'syslog') {
    const output = openSyslogOutput({ tag: 'seneschald' })
    return { stream: output, reopen: nothing, close: output.close }
  }
  const output = openFileOutput({ path: to.file, mode: 0o640, lost: lostLines })
  return { stream: output, reopen: output.reopen, close: output.close }
}

/** pino's methods want their logger. */
const bound = (log: Logger): Log => ({
  info: (context, message) => log.info(context, message),
  warn: (context, message) => log.warn(context, message),
  error: (context, message) => log.error(context, message),
})

export type OpenLog = {
  readonly log: Log
  /** After log rotation. */
  readonly reopen: () => void
  readonly close: () => void
}

export const openLog = (config: LogConfig, to?: DestinationStream): OpenLog => {
  const output = to === undefined ? open(config.to) : { stream: to, reopen: nothing, close: nothing }
  const root = pino(
    { base: null, level: config.level, timestamp: pino.stdTimeFunctions.isoTime },
    output.stream,
  )
  const of = (component: Component): Log =>
    bound(root.child({ component }, { level: config.levels[component] ?? config.level }))
  return { log: { ...of('daemon'), of }, reopen: output.reopen, close: output.close }
}
