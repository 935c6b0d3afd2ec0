/** Takes up the small files by which an account's jobs say how they are. */
import { readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, isAbsent } from '../durable/files.ts'
import { takeEntry } from '../durable/inbox.ts'
import { parseStrictJson } from '../durable/strict-json.ts'
import { runOnChange } from '../durable/watch.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { type JobEventFile, type JobName, jobEventFile, jobEventMaxBytes } from '../protocol/jobs.ts'
import type { DaemonEvent } from './events.ts'
import { newsFromFile } from './job-news.ts'
import { jobNews } from './known-jobs.ts'

export type JobEventParts = {
  readonly account: string
  readonly directory: string
  /** Whose files count. */
  readonly uid: number
  /** Entries that were refused and told of. */
  readonly refused: ReadonlySet<string>
  /** Whether it is of the workflow that has the name now: what a former one's jobs say is taken away unheard. */
  readonly isOurs: (job: JobName) => boolean
  readonly pollMs: number
  readonly commit: (events: readonly DaemonEvent[]) => Promise<void>
  readonly now: () => number
  readonly onProblem: (error: Error | null) => void
  readonly signal: AbortSignal
  /** As the disk does it; tests let it fail. */
  readonly takeAway?: (path: string) => Promise<void>
}

type Taken = { readonly name: string; readonly identity: string; readonly file: JobEventFile }

/** Taken up in one go, so that one flood of events does not become one huge commit. */
const mostAtOnce = 500

/** A message cut in the middle of a character is still a message. */
const mendText = (bytes: Buffer): Buffer => Buffer.from(bytes.toString('utf8'))

const parse = (bytes: Buffer): JobEventFile => {
  const parsed = jobEventFile.safeParse(parseStrictJson(mendText(bytes)))
  if (!parsed.success) throw new SeneschalError('input.invalid', undefined, { cause: parsed.error })
  return parsed.data
}

export const watchJobEvents = (parts: JobEventParts): Promise<void> => {
  const { account, directory, uid, now, takeAway = unlink } = parts
  /** Entries that are through and could not be taken away, by name and identity: nothing is done twice about them. */
  const through = new Set<string>()
  /** Of the present round. */
  const seen = new Set<string>()
  let trouble: unknown

  const keyOf = (name: string, identity: string | undefined): string => `${name} ${identity ?? ''}`

  const remove = async (name: string, identity: string | undefined): Promise<void> => {
    try {
      await takeAway(join(directory, name))
    } catch (error) {
      if (isAbsent(error)) return
      through.add(keyOf(name, identity))
      // A directory stays and is left alone. Anything else is told, and tried again.
      if (errnoOf(error) !== 'EISDIR') trouble ??= error
    }
  }

  const refuse = async (
    name: string,
    reason: string,
    owner: number | undefined,
    identity: string | undefined,
  ) => {
    const entry = `${account}/${keyOf(name, identity)}`
    if (!parts.refused.has(entry))
      await parts.commit([
        {
          kind: 'file-refused',
          at: now(),
          uid: owner ?? null,
          account,
          code: 'request.file-refused',
          reason: `job event: ${reason}`,
          ...(identity === undefined ? {} : { entry }),
        },
      ])
    await remove(name, identity)
  }

  const take = async (name: string, gid: number): Promise<Taken | undefined> => {
    const entry = await takeEntry(directory, name, { gid, maxBytes: jobEventMaxBytes })
    const key = keyOf(name, entry.identity)
    seen.add(key)
    if (through.has(key)) {
      await remove(name, entry.identity)
      return undefined
    }
    if (!entry.ok) {
      if (entry.code !== 'file.unknown') await refuse(name, entry.detail, entry.uid, entry.identity)
      return undefined
    }
    try {
      if (entry.uid !== uid) throw new SeneschalError('request.file-refused', 'It is of another user.')
      return { name, identity: entry.identity, file: parse(entry.bytes) }
    } catch (thrown) {
      if (!(thrown instanceof SeneschalError)) throw thrown
      await refuse(name, thrown.message, entry.uid, entry.identity)
      return undefined
    }
  }

  const run = async (): Promise<void> => {
    const { gid } = await stat(directory)
    // Under a name that begins with a dot it is still being written.
    const names = (await readdir(directory)).filter((name) => !name.startsWith('.'))
    seen.clear()
    trouble = undefined
    for (let index = 0; index < names.length; index += mostAtOnce) {
      const taken: Taken[] = []
      for (const name of names.slice(index, index + mostAtOnce)) {
        const one = await take(name, gid)
        if (one !== undefined) taken.push(one)
      }
      // A directory has no order; a job's own clock does.
      taken.sort((a, b) => a.file.time - b.file.time || order(a.file) - order(b.file))
      const heard = taken.filter(({ file }) => parts.isOurs(file))
      await parts.commit(
        heard.map(({ file }) => jobNews(account, file.workflow, newsFromFile(file, now()), now())),
      )
      for (const { name, identity } of taken) await remove(name, identity)
    }
    for (const key of through) if (!seen.has(key)) through.delete(key)
    if (trouble !== undefined) throw trouble
  }

  return runOnChange({
    path: directory,
    pollMs: parts.pollMs,
    run,
    onProblem: parts.onProblem,
    signal: parts.signal,
  })
}

const order = ({ event }: JobEventFile): number => ['started', 'message'].indexOf(event) + 1 || 3
