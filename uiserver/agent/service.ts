/** The two processes that outlive the agent (UI server, supervisor): what is on record, and whether it lives. */
import { open, readFile, rename, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { z } from 'zod/mini'
import type { StartAnswer, StatusAnswer } from '../../protocol/agent.ts'
import { isAlive, isErrno, watchEffort } from './process.ts'
import type { RunDirectory, ServiceName } from './run-directory.ts'

const serviceRecord = z.object({
  instance: z.string(),
  pid: z.number(),
  startTicks: z.string(),
  startedAt: z.number(),
  version: z.string(),
  socket: z.string(),
})
export type ServiceRecord = Readonly<z.infer<typeof serviceRecord>>

export const readRecord = async (
  directory: RunDirectory,
  service: ServiceName,
): Promise<ServiceRecord | undefined> => {
  let text: string
  try {
    text = await readFile(directory.record(service), 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
  return serviceRecord.parse(JSON.parse(text))
}

export const writeRecord = async (
  directory: RunDirectory,
  service: ServiceName,
  record: ServiceRecord,
): Promise<void> => {
  const path = directory.record(service)
  await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 })
  await rename(`${path}.new`, path)
}

export const present = ({ instance, pid, startedAt, version, socket }: ServiceRecord): StartAnswer => ({
  instance,
  pid,
  startedAt,
  version,
  socket,
})

/** Connected, or undefined where nobody accepts. */
export const connectSocket = (path: string): Promise<Socket | undefined> =>
  new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(socket.removeAllListeners('error')))
    socket.once('error', () => resolve(undefined))
  })

/** Longer than a busy host makes a healthy server wait, ms. */
const greetingTimeout = 4000

/**
 * The kernel accepts connections for a process that hangs. Both services speak first (the UI server's end of the tunnel
 * sends its settings, the supervisor its greeting), so their first bytes are the proof.
 */
const answers = async (path: string, patience: number): Promise<boolean> => {
  const socket = await connectSocket(path)
  if (socket === undefined) return false
  const heard = await new Promise<boolean>((resolve) => {
    const give = (value: boolean) => () => resolve(value)
    socket.setTimeout(patience, give(false))
    socket.once('data', give(true)).once('close', give(false)).once('error', give(false))
  })
  socket.on('error', () => undefined).destroy()
  return heard
}

/** The last lines of a log, at most 20 and 4 KiB unless told otherwise; none where there is no log. */
export const lastLines = async (path: string, most = 20, limit = 4096): Promise<readonly string[]> => {
  let file: Awaited<ReturnType<typeof open>>
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
  try {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read(Buffer.alloc(limit), 0, limit, Math.max(0, size - limit))
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n')
    // The first one may have lost its beginning.
    const whole = bytesRead < size ? lines.slice(1) : lines
    return (whole.length > 0 ? whole : lines).filter((line) => line.trim() !== '').slice(-most)
  } finally {
    await file.close()
  }
}

export type Found = { readonly status: StatusAnswer; readonly record: ServiceRecord | undefined }

export const findService = async (
  directory: RunDirectory,
  service: ServiceName,
  patience = greetingTimeout,
): Promise<Found> => {
  const record = await readRecord(directory, service)
  if (record === undefined) return { status: { state: 'off' }, record }
  const { socket, ...rest } = present(record)
  if (!(await isAlive(record)))
    return {
      status: { state: 'exited', ...rest, log: [...(await lastLines(directory.log(service)))] },
      record,
    }
  const wasBusy = await watchEffort(record)
  if (await answers(socket, patience)) return { status: { state: 'running', ...rest, socket }, record }
  return { status: { state: 'silent', busy: await wasBusy(), ...rest }, record }
}
