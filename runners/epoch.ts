/** The largest epoch that a daemon has had here: whoever comes with a smaller one was taken over. */
import { join } from 'node:path'
import { z } from 'zod/mini'
import { ensureDir, readJsonFile, writeFileAtomic } from '../durable/files.ts'
import { SeneschalError } from '../protocol/errors.ts'

export type Epochs = {
  /** Throws `lease.lost` for a smaller one than before. Resolves when it is on disk, rejects where the disk refuses. */
  readonly admit: (epoch: number) => Promise<void>
}

const file = z.strictObject({ v: z.literal(1), epoch: z.number() })

/** `root`: where the account's workflows run. */
export const openEpochs = async (root: string): Promise<Epochs> => {
  const directory = join(root, '.seneschal')
  const path = join(directory, 'epoch.json')
  await ensureDir(directory, { mode: 0o750 })
  let kept = (await readJsonFile(path, file))?.epoch ?? 0
  let largest = kept
  let writing: Promise<void> | undefined
  const write = async (): Promise<void> => {
    const epoch = largest
    await writeFileAtomic(path, JSON.stringify({ v: 1, epoch }), { mode: 0o640 })
    kept = epoch
  }
  return {
    admit: async (epoch) => {
      if (epoch < largest)
        throw new SeneschalError(
          'lease.lost',
          `A daemon of epoch ${largest} was here; this one has ${epoch}.`,
        )
      largest = epoch
      while (kept < epoch) {
        writing ??= write().finally(() => {
          writing = undefined
        })
        await writing
      }
    },
  }
}
