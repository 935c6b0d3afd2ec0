/** A hub's backup and its restoration: the database as one moment left it, its audit log, and, if told, its keys. */
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import {
  asBackupFailure,
  configFileOf,
  copyConfig,
  emptyDirectory,
  type Manifest,
  placeConfig,
  readManifest,
  writeManifest,
} from '../durable/backup-manifest.ts'
import { copyDurably } from '../durable/copy-files.ts'
import { isAbsent, syncDir } from '../durable/files.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { version } from '../protocol/version.ts'
import type { HubConfig } from './config.ts'
import { openStore } from './store/open.ts'

const auditPattern = /^audit-.*\.ndjson$/
const databaseName = 'hub.sqlite'
/** In the database's `meta`, until the restored hub has recorded it. */
export const restoredMark = 'restored'

const copyMatching = async (from: string, to: string, wanted: RegExp): Promise<void> => {
  await mkdir(to, { recursive: true, mode: 0o700 })
  const names = await readdir(from).catch((thrown: unknown) => {
    if (isAbsent(thrown)) return []
    throw thrown
  })
  for (const name of names.filter((entry) => wanted.test(entry)))
    await copyDurably(join(from, name), join(to, name), 0o600)
  await syncDir(to)
}

/** While the hub runs or not. Into a directory that is empty or not there. */
export const backUpHub = async (parts: {
  readonly config: HubConfig
  readonly configFile: string
  readonly to: string
  /** Signing keys and client secret too: whoever has them can be anybody. */
  readonly withKeys: boolean
  readonly now: () => number
}): Promise<Manifest> => {
  const { config, to, withKeys } = parts
  if (!existsSync(config.database))
    throw new SeneschalError('backup.invalid', `There is no ${config.database}.`)
  try {
    await emptyDirectory(to)
    const made = parts.now()
    const database = new DatabaseSync(config.database, { readOnly: true })
    try {
      await backup(database, join(to, databaseName))
    } finally {
      database.close()
    }
    await copyMatching(config.audit, join(to, 'audit'), auditPattern)
    if (withKeys) await copyMatching(config.keys, join(to, 'keys'), /^[a-z0-9.-]+\.(?:json|key)$/)
    const secret = 'file' in config.provider.clientSecret ? [config.provider.clientSecret.file] : []
    const files = [parts.configFile, ...(withKeys ? secret : [])]
    const value: Manifest = {
      ...{ v: 1, part: 'hub', made, version, site: config.site, epoch: 0, withKeys },
      config: await copyConfig(
        files.map((path, index) => configFileOf(path, index + 1)),
        join(to, 'config'),
      ),
    }
    await writeManifest(to, value)
    return value
  } catch (thrown) {
    throw asBackupFailure(thrown)
  }
}

/** Nobody is signed in any more, and nothing that was under way can be finished. */
const voidSessions = async (database: string, at: number): Promise<void> => {
  const store = await openStore(database)
  try {
    const { db } = store
    for (const table of [
      'sessions',
      'login_attempts',
      'kiosk_sessions',
      'kiosk_nonces',
      'logout_tokens',
      // One that was revoked since would be good again.
      'script_tokens',
      'break_glass',
      'break_glass_tries',
    ] as const)
      await db.deleteFrom(table).execute()
    await db
      .insertInto('meta')
      .values({ key: restoredMark, value: String(at) })
      .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: String(at) }))
      .execute()
  } finally {
    await store.close()
  }
}

export type HubRestoreReport = {
  readonly manifest: Manifest
  readonly aside: readonly string[]
  readonly placed: readonly string[]
  readonly left: readonly string[]
}

/** The hub must not run. Throws `backup.invalid`. */
export const restoreHub = async (parts: {
  readonly config: HubConfig
  readonly from: string
  readonly replace: boolean
  readonly now: () => number
}): Promise<HubRestoreReport> => {
  const { config, from, replace } = parts
  const manifest = await readManifest(from, 'hub')
  if (manifest.site !== config.site)
    throw new SeneschalError('backup.invalid', `It is of the site ${manifest.site}, not of ${config.site}.`)
  const at = parts.now()
  const stamp = new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')
  const places = [config.database, `${config.database}-wal`, `${config.database}-shm`, config.audit]
  const taken = places.filter((path) => existsSync(path))
  if (taken.length > 0 && !replace)
    throw new SeneschalError(
      'backup.invalid',
      `${taken[0]} is there. What is there is moved aside with --replace; the hub must not run.`,
    )
  try {
    const aside: string[] = []
    for (const path of taken) {
      await rename(path, `${path}.before-${stamp}`)
      aside.push(`${path}.before-${stamp}`)
    }
    await mkdir(dirname(config.database), { recursive: true, mode: 0o700 })
    await copyDurably(join(from, databaseName), config.database, 0o600)
    await copyMatching(join(from, 'audit'), config.audit, auditPattern)
    if (manifest.withKeys) {
      await mkdir(config.keys, { recursive: true, mode: 0o700 })
      // A key that is there already is the one that daemons have pinned.
      for (const name of await readdir(join(from, 'keys')))
        if (!existsSync(join(config.keys, name)))
          await copyDurably(join(from, 'keys', name), join(config.keys, name), 0o600)
    }
    await voidSessions(config.database, at)
    return { manifest, aside, ...(await placeConfig(from, manifest)) }
  } catch (thrown) {
    throw asBackupFailure(thrown)
  }
}
