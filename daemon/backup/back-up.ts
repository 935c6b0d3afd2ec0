/**
 * A backup of a daemon, running or not: audit log first and journal after it, so that the journal can always give the
 * records that the audit log is behind. Feeds and published requests are views: they are made anew.
 */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  asBackupFailure,
  type ConfigFile,
  configFileOf,
  copyConfig,
  emptyDirectory,
  type Manifest,
  writeManifest,
} from '../../durable/backup-manifest.ts'
import { copyDurably } from '../../durable/copy-files.ts'
import { isAbsent, syncDir } from '../../durable/files.ts'
import { snapshotSeqOf } from '../../durable/journal.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { version } from '../../protocol/version.ts'
import type { DaemonConfig } from '../config.ts'
import { siteLayout } from '../layout.ts'
import { readLease } from '../lease/lease.ts'

const segmentPattern = /^journal-(\d{12})\.ndjson$/
const auditPattern = /^audit-.*\.ndjson$/
/** A daemon takes a segment away only with a new snapshot: so often is begun again, at most. */
const mostTries = 10

const copyAudit = async (from: string, to: string): Promise<void> => {
  await mkdir(to, { mode: 0o700 })
  for (const name of (await readdir(from)).filter((entry) => auditPattern.test(entry)).sort())
    await copyDurably(join(from, name), join(to, name), 0o600)
  await syncDir(to)
}

/** Whether snapshot and segments follow each other without a gap. */
const isWhole = async (dir: string): Promise<boolean> => {
  const [first] = (await readdir(dir)).filter((name) => segmentPattern.test(name)).sort()
  const covered = await snapshotSeqOf(dir)
  const begins = Number(segmentPattern.exec(first ?? '')?.[1] ?? 1)
  return begins <= covered + 1
}

/** The snapshot is replaced and segments go while they are copied: until both fit each other. */
const copyJournal = async (from: string, to: string): Promise<void> => {
  for (let tries = 0; tries < mostTries; tries += 1) {
    await rm(to, { recursive: true, force: true })
    await mkdir(to, { mode: 0o700 })
    try {
      const names = (await readdir(from)).filter((name) => segmentPattern.test(name)).sort()
      await copyDurably(join(from, 'snapshot.json'), join(to, 'snapshot.json'), 0o600).catch(
        (thrown: unknown) => {
          if (!isAbsent(thrown)) throw thrown
        },
      )
      for (const name of names) await copyDurably(join(from, name), join(to, name), 0o600)
    } catch (thrown) {
      if (!isAbsent(thrown)) throw thrown
      continue
    }
    if (!(await isWhole(to))) continue
    await syncDir(to)
    return
  }
  throw new SeneschalError('backup.invalid', `${from} changes faster than it can be copied.`)
}

const configOf = (config: DaemonConfig, configFile: string, withKeys: boolean): readonly ConfigFile[] => {
  const keys = new Set(
    Object.values(config.accounts).flatMap(({ transport }) =>
      transport.kind === 'ssh' ? [transport.keyFile] : [],
    ),
  )
  return [
    configFileOf(configFile, 1),
    configFileOf(config.siteFile, 2),
    configFileOf(config.hubKeys, 3),
    configFileOf(config.definitions, 4, 'directory'),
    ...(withKeys ? [...keys].map((path, index) => configFileOf(path, 5 + index)) : []),
  ]
}

/** Into a directory that is empty or not there. Resolves when all of it is on disk. */
export const backUpDaemon = async (parts: {
  readonly config: DaemonConfig
  readonly configFile: string
  readonly to: string
  readonly withKeys: boolean
  /** Epoch, ms. */
  readonly now: () => number
}): Promise<Manifest> => {
  const { config, to, withKeys } = parts
  const layout = siteLayout(config.root)
  try {
    await emptyDirectory(to)
    const made = parts.now()
    await copyAudit(layout.audit, join(to, 'audit'))
    await copyJournal(layout.state, join(to, 'state'))
    const files = await copyConfig(configOf(config, parts.configFile, withKeys), join(to, 'config'))
    const epoch = (await readLease(layout.state))?.epoch ?? 0
    const value: Manifest = {
      ...{ v: 1, part: 'daemon', made, version, site: config.site, epoch, withKeys },
      config: files,
    }
    await writeManifest(to, value)
    return value
  } catch (thrown) {
    throw asBackupFailure(thrown)
  }
}
