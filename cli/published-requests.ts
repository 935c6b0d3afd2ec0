/** Requests as the daemon published them: files that anybody may read, while it runs or not. */
import { lstatSync, opendirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { dayOf } from '../durable/chain-record.ts'
import { isAbsent } from '../durable/files.ts'
import { listDayArchives, type Published, readDayArchive, readPublished } from '../durable/status-files.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { isPublishedName, type PublicStatus } from '../protocol/public-status.ts'
import { requestDirectories } from './site-directory.ts'

const namesIn = function* (directory: string): Generator<string> {
  let opened: ReturnType<typeof opendirSync>
  try {
    opened = opendirSync(directory, { bufferSize: 1024 })
  } catch (thrown) {
    if (isAbsent(thrown))
      throw new SeneschalError('usage', `${directory} is not there: is this the site’s directory?`)
    throw thrown
  }
  try {
    for (let entry = opened.readSync(); entry !== null; entry = opened.readSync()) yield entry.name
  } finally {
    opened.closeSync()
  }
}

/** In the inbox; nobody has taken it up. Its contents are not looked at. */
const readInbox = (inbox: string, file: string): PublicStatus | undefined => {
  const id = /^(.{36})(?:-[0-9a-f]{16})?\.json$/.exec(file)?.[1]
  if (id === undefined || !isPublishedName(id)) return undefined
  const found = lstatSync(join(inbox, file), { throwIfNoEntry: false })
  if (found === undefined) return undefined
  return { id, state: 'waiting', code: null, at: Math.max(0, Math.round(found.mtimeMs)) }
}

/** Version 7 says when an id was made: what was asked then was not answered before. */
const firstDayOf = (id: string): string =>
  id[14] === '7' ? dayOf(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) - 86_400_000) : ''

const inArchives = async (
  directory: string,
  names: readonly string[],
  id: string,
): Promise<PublicStatus | undefined> => {
  const first = firstDayOf(id)
  for (const archive of (await listDayArchives(directory)).toReversed()) {
    if (archive.day < first) return undefined
    for await (const { name, status } of readDayArchive(directory, archive))
      if (names.includes(name)) return status
  }
  return undefined
}

/** Two looks, since a status that is written again is gone for a moment. */
const pauseMs = 50

/**
 * A request goes from place to place while somebody looks for it: so the places are looked at in the order in which it
 * passes them, and the last one in which it was found counts. `uid` = of whoever asks: where somebody else used the id
 * first, their own stands under the id and the uid.
 */
export const findRequest = async (
  site: string,
  id: string,
  uid: number,
): Promise<PublicStatus | undefined> => {
  const { inbox, processing, refused, finished } = requestDirectories(site)
  const names = [`${id}-${uid}`, id]
  const look = (directory: string): PublicStatus | undefined =>
    names.map((name) => readPublished(directory, name)).find((status) => status !== undefined)
  for (let looks = 1; ; looks += 1) {
    const filed = readInbox(inbox, `${id}.json`)
    const taken = look(processing)
    const found = look(finished) ?? look(refused) ?? taken ?? filed
    if (found !== undefined) return found
    for (const directory of [finished, refused]) {
      const archived = await inArchives(directory, names, id)
      if (archived !== undefined) return archived
    }
    if (looks === 2) return undefined
    await sleep(pauseMs)
  }
}

export type Listing = {
  /** None before this time, epoch ms. */
  readonly since: number
  readonly state?: PublicStatus['state'] | undefined
  /** Archives too; they say nothing about the last day. */
  readonly archived: boolean
  /** The newest of them. */
  readonly most: number
}

/** The oldest first. */
export const listRequests = async (site: string, listing: Listing): Promise<readonly Published[]> => {
  const { inbox, processing, refused, finished } = requestDirectories(site)
  const found = new Map<string, PublicStatus>()
  const trim = (most: number): void => {
    if (found.size <= most) return
    const oldest = [...found].sort(([, a], [, b]) => a.at - b.at).slice(0, found.size - listing.most)
    for (const [name] of oldest) found.delete(name)
  }
  const add = (name: string, status: PublicStatus | undefined): void => {
    // What is answered has left the places before.
    found.delete(name)
    if (status === undefined || status.at < listing.since) return
    if (listing.state !== undefined && status.state !== listing.state) return
    found.set(name, status)
    // However many there are: what is held is a little more than what is shown.
    trim(listing.most + 10_000)
  }
  for (const file of namesIn(inbox)) {
    const status = readInbox(inbox, file)
    if (status !== undefined) add(status.id, status)
  }
  if (listing.archived)
    for (const directory of [finished, refused])
      for (const archive of await listDayArchives(directory))
        if (archive.day >= dayOf(listing.since))
          for await (const { name, status } of readDayArchive(directory, archive)) add(name, status)
  for (const directory of [processing, finished, refused])
    for (const name of namesIn(directory))
      if (isPublishedName(name)) add(name, readPublished(directory, name))
  trim(listing.most)
  return [...found].map(([name, status]) => ({ name, status })).sort((a, b) => a.status.at - b.status.at)
}
