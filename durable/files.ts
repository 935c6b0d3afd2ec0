/** Files and directories that are either whole or not there, with exactly the mode that was asked for. */
import type { z } from 'zod/mini'

export type FileSettings = {
  /** Independent of the umask. */
  readonly mode: number
  readonly gid?: number | undefined
  /** Default true: file and directory entry are on disk when it resolves. */
  readonly fsync?: boolean | undefined
}

/** Replaces a file in one step; whoever reads it sees the old or the new one. */
export declare const writeFileAtomic: (
  path: string,
  data: string | Uint8Array,
  settings: FileSettings,
) => Promise<void>

/** The file's content; undefined where there is none. Throws `input.invalid` naming the file. */
export declare const readJsonFile: <T>(path: string, schema: z.ZodMiniType<T>) => Promise<T | undefined>

/** Creates a directory (and its parents, 0755), or makes an own one have this mode. Refuses links and others' directories that differ. */
export declare const ensureDir: (
  path: string,
  settings: { readonly mode: number; readonly gid?: number | undefined },
) => Promise<void>
