/**
 * Published statuses of requests: `NAME/status.json` in a directory, and `YYYYMMDD[-PART].tar.gz` beside them for days
 * that are over. A group may write there, so nothing is followed, nothing blocks, and only a status is believed.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  createReadStream,
  createWriteStream,
  fstatSync,
  openSync,
  readSync,
} from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import {
  isPublishedName,
  type PublicStatus,
  publicStatus,
  publicStatusMaxBytes,
} from '../protocol/public-status.ts'
import { errnoOf, syncDir } from './files.ts'
import { readTar, tarEnd, tarEntry } from './tar.ts'

export type Published = { readonly name: string; readonly status: PublicStatus }

const parseStatus = (bytes: Buffer): PublicStatus | undefined => {
  try {
    const parsed = publicStatus.safeParse(JSON.parse(bytes.toString('utf8')))
    return parsed.success ? parsed.data : undefined
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined
    throw thrown
  }
}

/** Gone, or something else than what the daemon puts there. */
const isNoStatus = (thrown: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENXIO'].includes(errnoOf(thrown) ?? '')

const readFileOf = (directory: number): PublicStatus | undefined => {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
  const fd = openSync(`/proc/self/fd/${directory}/status.json`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile() || stat.size > publicStatusMaxBytes) return undefined
    const buffer = Buffer.alloc(publicStatusMaxBytes)
    return parseStatus(buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, 0)))
  } finally {
    closeSync(fd)
  }
}

/** `work` gets the opened directory, so that what it does is done there, whatever the name leads to by then. */
export const inPublished = <T>(path: string, work: (directory: number) => T): T => {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants
  const directory = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    return work(directory)
  } finally {
    closeSync(directory)
  }
}

/** Undefined for what is not there, and for what is no status. */
export const readPublished = (directory: string, name: string): PublicStatus | undefined => {
  if (!isPublishedName(name)) return undefined
  try {
    return inPublished(join(directory, name), readFileOf)
  } catch (thrown) {
    if (isNoStatus(thrown)) return undefined
    throw thrown
  }
}

export type DayArchive = { readonly file: string; readonly day: string; readonly part: number }

const archivePattern = /^([0-9]{8})(?:-([0-9]{1,6}))?\.tar\.gz$/

/** Oldest first. */
export const listDayArchives = async (directory: string): Promise<readonly DayArchive[]> =>
  (await readdir(directory))
    .flatMap((file) => {
      const [, day, part = '1'] = archivePattern.exec(file) ?? []
      return day === undefined ? [] : [{ file, day, part: Number(part) }]
    })
    .sort((a, b) => (a.day === b.day ? a.part - b.part : a.day < b.day ? -1 : 1))

/** What a writer that was killed left behind. */
export const isUnfinishedArchive = (name: string): boolean =>
  /^\.[0-9]{8}(?:-[0-9]{1,6})?\.tar\.gz\.[0-9a-f]{12}$/.test(name)

/** Adds an archive of that day, on disk when it resolves with its name. Older ones of the day stay as they are. */
export const writeDayArchive = async (
  directory: string,
  day: string,
  statuses: readonly Published[],
): Promise<string> => {
  const part = (await listDayArchives(directory)).findLast((one) => one.day === day)?.part ?? 0
  const file = part === 0 ? `${day}.tar.gz` : `${day}-${part + 1}.tar.gz`
  const temporary = join(directory, `.${file}.${randomBytes(6).toString('hex')}`)
  function* entries() {
    for (const { name, status } of statuses)
      yield tarEntry({
        name: `${name}/status.json`,
        data: Buffer.from(`${JSON.stringify(status)}\n`),
        mtime: status.at / 1000,
      })
    yield tarEnd
  }
  try {
    await pipeline(
      Readable.from(entries()),
      createGzip(),
      createWriteStream(temporary, { flags: 'wx', mode: 0o644, flush: true }),
    )
    await rename(temporary, join(directory, file))
  } catch (thrown) {
    await rm(temporary, { force: true })
    throw thrown
  }
  await syncDir(directory)
  return file
}

/** Statuses of one archive. Throws what is wrong with it; an archive that is gone by now has none. */
export async function* readDayArchive(directory: string, { file }: DayArchive): AsyncGenerator<Published> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
  let fd: number
  try {
    fd = openSync(join(directory, file), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (thrown) {
    if (isNoStatus(thrown)) return
    throw thrown
  }
  if (!fstatSync(fd).isFile()) {
    closeSync(fd)
    return
  }
  const source = createReadStream('', { fd })
  const unpacked = createGunzip()
  const through = pipeline(source, unpacked).catch((error: Error) => unpacked.destroy(error))
  try {
    for await (const { name, data } of readTar(unpacked, publicStatusMaxBytes)) {
      const [directoryName = '', fileName] = name.split('/')
      if (fileName !== 'status.json' || !isPublishedName(directoryName)) continue
      const status = parseStatus(data)
      if (status !== undefined) yield { name: directoryName, status }
    }
  } finally {
    unpacked.destroy()
    await through
  }
}
