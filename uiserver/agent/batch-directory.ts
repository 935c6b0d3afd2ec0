/**
 * Where a job of the cluster finds what its UI server needs, on whichever node it starts: files in the account's home,
 * which all nodes share. A job's file is there as long as the job may start again.
 */
import { open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BatchFile, batchFile, instanceId } from '../../protocol/agent.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Environment } from '../../wire/environment.ts'
import { parseInputAs } from './input.ts'
import { isErrno } from './process.ts'
import { makePrivate, runRoot } from './run-directory.ts'

export type BatchDirectory = {
  /** Held while a job is submitted or cancelled, on whichever host. */
  readonly lock: string
  readonly file: (instance: string) => string
  readonly log: (instance: string) => string
  /** With an empty log beside it, so that nobody else may read what Slurm appends. */
  readonly write: (instance: string, content: BatchFile) => Promise<void>
  /** Instances whose job may start, or start again. */
  readonly instances: () => Promise<ReadonlySet<string>>
  /** The file alone; false where there is none. Without it the job's script ends at once. */
  readonly withdraw: (instance: string) => Promise<boolean>
  /** Removes the logs of all instances but these. */
  readonly removeFormer: (keep: ReadonlySet<string>) => Promise<void>
}

export const openBatchDirectory = async (env: Environment, root = runRoot(env)): Promise<BatchDirectory> => {
  const path = join(root, 'batch')
  await makePrivate(path)
  const file = (instance: string) => join(path, `${instance}.json`)
  const log = (instance: string) => join(path, `${instance}.log`)
  const having = async (ending: string) =>
    (await readdir(path))
      .filter((name) => name.endsWith(ending))
      .map((name) => name.slice(0, -ending.length))
      .filter((name) => instanceId.safeParse(name).success)
  return {
    lock: join(path, 'lock'),
    file,
    log,
    write: async (instance, content) => {
      await (await open(log(instance), 'a', 0o600)).close()
      await writeFile(`${file(instance)}.new`, JSON.stringify(content), { mode: 0o600 })
      await rename(`${file(instance)}.new`, file(instance))
    },
    instances: async () => new Set(await having('.json')),
    withdraw: async (instance) => {
      try {
        await rm(file(instance))
        return true
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return false
        throw error
      }
    },
    removeFormer: async (keep) => {
      for (const instance of await having('.log'))
        if (!keep.has(instance)) await rm(log(instance), { force: true })
    },
  }
}

/** Undefined where it was withdrawn. */
export const readBatchFile = async (path: string): Promise<BatchFile | undefined> => {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
  try {
    return parseInputAs(batchFile, JSON.parse(text))
  } catch (cause) {
    throw new SeneschalError('agent.failed', `${path} is not what a job’s file should be.`, { cause })
  }
}
