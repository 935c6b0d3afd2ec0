/** What a restore leaves for the next start, until that has taken it up. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod/mini'
import { readJsonFile, syncDir, writeFileAtomic } from '../../durable/files.ts'
import type { DaemonEvent } from '../events.ts'
import { type DaemonState, everyWorkflow } from '../state.ts'

const restored = z.strictObject({
  v: z.literal(1),
  /** When it was restored, and when the backup was made; epoch, ms. */
  at: z.number(),
  made: z.number(),
})
export type Restored = z.infer<typeof restored>

const fileIn = (state: string): string => join(state, 'restored.json')

export const writeRestored = (state: string, value: Restored): Promise<void> =>
  writeFileAtomic(fileIn(state), JSON.stringify(value), { mode: 0o600 })

/** What is to be committed before anything else; nothing where nobody restored. */
export const afterRestore = async (
  directory: string,
  state: DaemonState,
  now: number,
): Promise<readonly DaemonEvent[]> => {
  const found = await readJsonFile(fileIn(directory), restored)
  if (found === undefined) return []
  const flows = [...everyWorkflow(state)].filter(({ engine }) => engine !== undefined)
  return [
    { kind: 'restored', at: now, made: found.made },
    // Whoever runs the site looks at what the host says of its jobs before anything new begins.
    ...flows.map(
      ({ account, workflow }): DaemonEvent => ({
        ...{ kind: 'engine', at: now, account, workflow },
        event: { kind: 'pause', at: now },
      }),
    ),
  ]
}

/** Once those are on disk. */
export const restoreTakenUp = async (directory: string): Promise<void> => {
  await rm(fileIn(directory), { force: true })
  await syncDir(directory)
}
