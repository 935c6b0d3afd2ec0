/** What a job of the cluster runs: the account's UI server, for as long as the job lives. */
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { openBatchDirectory, readBatchFile } from './batch-directory.ts'
import { ensureService, type LaunchContext } from './launch.ts'
import { withLock } from './lock.ts'
import { isAlive, terminate } from './process.ts'
import { openRunDirectory, type RunDirectory } from './run-directory.ts'
import { lastLines, readRecord } from './service.ts'

/** Between looks at whether the server lives, ms. */
const look = 1000

/** The account's server on this node, if it is another than `instance`: its job has ended, or it never had one. */
const endOther = async (directory: RunDirectory, instance: string, signal: AbortSignal): Promise<void> =>
  withLock(directory.lock('uiserver'), signal, async () => {
    const record = await readRecord(directory, 'uiserver')
    if (record !== undefined && record.instance !== instance) await terminate(record)
  })

/**
 * Resolves when the server has ended, or has been ended because `signal` was aborted. The file stays where Slurm may
 * start the job again, and goes where the server ended by itself.
 */
export const runBatch = async (
  options: { readonly file: string; readonly entry: string; readonly say: (line: string) => void },
  signal: AbortSignal,
): Promise<void> => {
  const { file, entry, say } = options
  const content = await readBatchFile(file)
  if (content === undefined) return say('The job was cancelled before it began.')
  const { settings, env } = content
  const { instance, runDirRoot } = settings
  const directory = await openRunDirectory(env, runDirRoot)
  const context: LaunchContext = { progress: say, env, entry }
  await endOther(directory, instance, signal)
  const server = await ensureService({
    service: 'uiserver',
    instance,
    settings: (socket) => ({ ...settings, host: hostname(), socket }),
    ...{ context, directory, signal },
  })
  say(`The UI server is up on ${hostname()}, process ${server.pid}.`)
  const record = await readRecord(directory, 'uiserver')
  if (record?.instance !== instance) return say('Another UI server has taken its place.')
  try {
    while (await isAlive(record)) await sleep(look, undefined, { signal })
    await (await openBatchDirectory(env, runDirRoot)).withdraw(instance)
    say('The UI server has ended. Its last lines:')
  } catch (error) {
    if (!signal.aborted) throw error
    await terminate(record)
    say('The job is ended, and the UI server with it. Its last lines:')
  }
  for (const line of await lastLines(directory.log('uiserver'))) say(line)
}
