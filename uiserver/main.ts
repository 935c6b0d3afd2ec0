/** The verb `uiserver`: settings on stdin, a private socket, one line on stdout when it is ready. */
import { chmod, lstat, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { homedir } from 'node:os'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod/mini'
import { isAbsent } from '../durable/files.ts'
import { parseStrictJson } from '../durable/strict-json.ts'
import { type ServerSettings, serverSettings } from '../protocol/agent.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { clockTrouble, hubClock } from '../protocol/hub-clock.ts'
import { serveTunnel } from '../wire/tunnel.ts'
import { createUiServer } from './server.ts'

export type UiServerProcess = {
  readonly stdin: NodeJS.ReadableStream
  readonly stdout: NodeJS.WritableStream
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Longer than this nobody waits for a feed before being told that it is not there. */
const loadMayTake = 5000
/** For readers to take what is on its way to them, ms. */
const farewell = 500

const readSettings = async (stdin: NodeJS.ReadableStream): Promise<ServerSettings> => {
  const parsed = serverSettings.safeParse(parseStrictJson(Buffer.from(await text(stdin))))
  if (parsed.success) return parsed.data
  throw new SeneschalError('config.invalid', z.prettifyError(parsed.error))
}

/** stderr is the log file; a line of it never holds a secret. */
const log = (message: string, error?: unknown): void => {
  const why = error instanceof Error ? (error.stack ?? error.message) : error
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), message, why })}\n`)
}

const removeStale = async (path: string): Promise<void> => {
  try {
    if ((await lstat(path)).isSocket()) await rm(path)
  } catch (thrown) {
    if (!isAbsent(thrown)) throw thrown
  }
}

/** Serves until it is idle or told to end; then resolves with everything closed. */
export const runUiServer = async ({ stdin, stdout, env }: UiServerProcess): Promise<void> => {
  // A log that cannot be written, in a home that is full, ends nobody.
  process.stderr.on('error', () => undefined)
  const settings = await readSettings(stdin)
  const told = Promise.withResolvers<void>()
  process.once('SIGTERM', told.resolve).once('SIGINT', told.resolve)
  const ahead = settings.hubAhead ?? 0
  const trouble = clockTrouble(ahead)
  if (trouble !== undefined) log(trouble)
  const now = hubClock(ahead, { now: Date.now, monotonic: () => performance.now() })
  const server = await createUiServer({ settings, home: env.HOME ?? homedir(), now, log })

  const carriers = new Set<Socket>()
  const door = createServer((carrier) => {
    carriers.add(carrier)
    carrier.once('close', () => carriers.delete(carrier))
    serveTunnel(carrier, server.accept)
  })
  await removeStale(settings.socket)
  const listening = Promise.withResolvers<void>()
  door.once('error', listening.reject).listen(settings.socket, listening.resolve)
  await listening.promise
  await chmod(settings.socket, 0o600)

  await Promise.race([server.loaded, told.promise, sleep(loadMayTake, undefined, { ref: false })])
  stdout.write(`${JSON.stringify({ ready: true })}\n`)

  await Promise.race([server.idle, told.promise])
  door.close()
  await server.close()
  await sleep(farewell)
  for (const carrier of carriers) carrier.destroy()
  process.off('SIGTERM', told.resolve).off('SIGINT', told.resolve)
}
