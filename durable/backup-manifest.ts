/** What stands in a backup: a directory of plain files, whose manifest is written last. Without it there is no backup. */
import { mkdir, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'
import { copyDurably, copyTree } from './copy-files.ts'
import { errnoOf, isAbsent, readJsonFile, syncDir, writeFileAtomic } from './files.ts'

const configFile = z.strictObject({
  /** Where it stood. */
  path: z.string(),
  /** Its name in `config/`; a directory's files keep their names below it. */
  name: z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/)),
  kind: z.enum(['file', 'directory']),
})
export type ConfigFile = z.infer<typeof configFile>

export const manifest = z.readonly(
  z.strictObject({
    v: z.literal(1),
    part: z.enum(['daemon', 'hub']),
    /** Epoch, ms. */
    made: z.number(),
    /** Of the product. */
    version: z.string(),
    /** The site's name, so that nobody restores another site's. */
    site: z.string(),
    /** Of the daemon's lease, or 0. */
    epoch: z.number(),
    withKeys: z.boolean(),
    config: z.readonly(z.array(configFile)),
  }),
)
export type Manifest = z.infer<typeof manifest>

export const manifestFile = (dir: string): string => join(dir, 'manifest.json')

export const readManifest = async (dir: string, part: Manifest['part']): Promise<Manifest> => {
  const found = await readJsonFile(manifestFile(dir), manifest)
  if (found === undefined)
    throw new SeneschalError('backup.invalid', `${dir} has no manifest: it is no backup, or half of one.`)
  if (found.part !== part)
    throw new SeneschalError('backup.invalid', `${dir} is a backup of a ${found.part}, not of a ${part}.`)
  return found
}

export const writeManifest = (dir: string, value: Manifest): Promise<void> =>
  writeFileAtomic(manifestFile(dir), `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })

/** Into a directory of its own. Throws `backup.invalid` where something is in it. */
export const emptyDirectory = async (dir: string): Promise<void> => {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  if ((await readdir(dir)).length > 0)
    throw new SeneschalError('backup.invalid', `${dir} is not empty: a backup gets a directory of its own.`)
}

/** A name in `config/` that says where it came from. */
export const configFileOf = (path: string, index: number, kind: ConfigFile['kind'] = 'file'): ConfigFile => ({
  path,
  name: `${index}-${basename(path)
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .slice(0, 100)}`,
  kind,
})

/** Copies configuration; resolves to what there was of it. */
export const copyConfig = async (
  files: readonly ConfigFile[],
  to: string,
): Promise<readonly ConfigFile[]> => {
  await mkdir(to, { mode: 0o700 })
  const copied: ConfigFile[] = []
  for (const file of files) {
    try {
      if (file.kind === 'directory')
        await copyTree(file.path, join(to, file.name), { file: 0o600, directory: 0o700 })
      else await copyDurably(file.path, join(to, file.name), 0o600)
      copied.push(file)
    } catch (thrown) {
      // What was never there cannot be missed.
      if (!isAbsent(thrown)) throw thrown
    }
  }
  await syncDir(to)
  return copied
}

/** Puts configuration where there is none: what stands somewhere already is left to whoever runs the site. */
export const placeConfig = async (
  dir: string,
  { config }: Manifest,
): Promise<{ readonly placed: readonly string[]; readonly left: readonly string[] }> => {
  const [placed, left]: [string[], string[]] = [[], []]
  for (const { path, name, kind } of config) {
    const from = join(dir, 'config', name)
    try {
      if (kind === 'directory') await copyTree(from, path, { file: 0o644, directory: 0o755 })
      else await copyDurably(from, path, 0o600)
      placed.push(path)
    } catch (thrown) {
      if (errnoOf(thrown) === undefined) throw thrown
      left.push(path)
    }
  }
  return { placed, left }
}

/** What the system refused, as one error that says it. */
export const asBackupFailure = (thrown: unknown): unknown =>
  errnoOf(thrown) === undefined
    ? thrown
    : new SeneschalError('backup.invalid', `${(thrown as Error).message}.`, { cause: thrown })
