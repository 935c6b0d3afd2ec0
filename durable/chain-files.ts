/** The files of audit chains, line by line. */
import { constants } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseChainFile } from './chain-record.ts'
import { closeFile, createLineReader, type Line, openFile } from './lines.ts'

/** Names of files by writer, each writer's in their order. */
export const chainFiles = async (dir: string): Promise<ReadonlyMap<string, readonly string[]>> => {
  const names = (await readdir(dir)).filter((file) => parseChainFile(file) !== undefined).sort()
  return Map.groupBy(names, (file) => parseChainFile(file)?.writer ?? '')
}

/** Lines that stand together in one file. */
export type ChainLines = {
  readonly file: string
  /** Number of the first of them, from 1. */
  readonly line: number
  /** Without their newlines. */
  readonly lines: readonly Buffer[]
  /** What follows them is half a line. */
  readonly torn: boolean
}

/** Every line of the files, many at a time: a promise for each would take longer than checking it. */
export async function* linesOf(dir: string, files: readonly string[]): AsyncGenerator<ChainLines> {
  for (const file of files) {
    const fd = await openFile(join(dir, file), constants.O_RDONLY | constants.O_NOFOLLOW)
    let reading: Promise<readonly Line[]> | undefined
    try {
      const reader = createLineReader(fd)
      let line = 1
      reading = reader.next()
      for (let read = await reading; read.length > 0; read = await reading) {
        // The disk works while these are looked at.
        reading = reader.next()
        yield { file, line, lines: read.map(({ bytes }) => bytes), torn: false }
        line += read.length
      }
      if (reader.partial() > 0) yield { file, line, lines: [], torn: true }
    } finally {
      // Nobody waits for it who went away early; but the descriptor must not become somebody else's meanwhile.
      await Promise.allSettled([reading])
      await closeFile(fd)
    }
  }
}
