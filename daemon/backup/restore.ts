/**
 * A daemon's state out of a backup. The next start finds `restored.json` and brings all workflows up paused; the epoch
 * is past whatever the old daemon had, so that no host obeys that one any more.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { type Manifest, placeConfig, readManifest } from '../../durable/backup-manifest.ts'
import { copyDurably } from '../../durable/copy-files.ts'
import { isAbsent, syncDir } from '../../durable/files.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import type { DaemonConfig } from '../config.ts'
import { siteLayout } from '../layout.ts'
import { holdLease } from '../lease/hold.ts'
import { readLease, writeLease } from '../lease/lease.ts'
import { writeRestored } from './restored.ts'

export type RestoreReport = {
  readonly manifest: Manifest
  /** What was there before, moved aside; none where the place was empty. */
  readonly aside: readonly string[]
  /** Configuration that was put where there was none, and what was left as it is. */
  readonly placed: readonly string[]
  readonly left: readonly string[]
  readonly epoch: number
}

/** Stays with the place, whatever state stands there. */
const ofThePlace = /^(?:lease|lock-\d+|seneschald\.pid|control)$/

const contentsOf = async (dir: string): Promise<readonly string[]> => {
  try {
    return (await readdir(dir)).filter((name) => !ofThePlace.test(name) && !name.startsWith('.'))
  } catch (thrown) {
    if (isAbsent(thrown)) return []
    throw thrown
  }
}

/** Moved, never removed: somebody may want to look at it. */
const clear = async (dir: string, replace: boolean, stamp: string): Promise<string | undefined> => {
  const names = await contentsOf(dir)
  if (names.length === 0) return undefined
  if (!replace)
    throw new SeneschalError(
      'backup.invalid',
      `${dir} is not empty. What is there is moved aside with --replace.`,
    )
  const aside = `${dir}.before-${stamp}`
  await mkdir(aside, { mode: 0o700 })
  for (const name of names) await rename(join(dir, name), join(aside, name))
  await syncDir(dirname(dir))
  return aside
}

const fill = async (from: string, to: string): Promise<void> => {
  for (const name of await readdir(from)) {
    // Of an attempt that was cut off.
    await rm(join(to, name), { force: true })
    await copyDurably(join(from, name), join(to, name), 0o600)
  }
  await syncDir(to)
}

/** Throws `lease.held` while a daemon works on the place, and `backup.invalid`. */
export const restoreDaemon = async (parts: {
  readonly config: DaemonConfig
  readonly from: string
  /** What is there may be moved aside. */
  readonly replace: boolean
  /** Epoch, ms. */
  readonly now: () => number
}): Promise<RestoreReport> => {
  const { config, from, replace, now } = parts
  const layout = siteLayout(config.root)
  const manifest = await readManifest(from, 'daemon')
  if (manifest.site !== config.site)
    throw new SeneschalError('backup.invalid', `It is of the site ${manifest.site}, not of ${config.site}.`)
  const at = now()
  const stamp = new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')
  const held = await holdLease({
    state: layout.state,
    now,
    monotonic: () => performance.now(),
    onLost: () => undefined,
    onProblem: () => undefined,
  })
  try {
    const aside = [await clear(layout.state, replace, stamp), await clear(layout.audit, replace, stamp)]
    await mkdir(layout.audit, { recursive: true, mode: 0o700 })
    await fill(join(from, 'audit'), layout.audit)
    await fill(join(from, 'state'), layout.state)
    await held.check()
    await writeRestored(layout.state, { v: 1, at, made: manifest.made })
    const { placed, left } = await placeConfig(from, manifest)
    const before = await readLease(layout.state)
    // Seconds: past every epoch that grew by one with each start, and past those of earlier restores.
    const epoch = Math.max(before?.epoch ?? 0, manifest.epoch, Math.floor(at / 1000)) + 1
    await held.release()
    await writeLease(layout.state, {
      ...{ v: 1, epoch, takeovers: before?.takeovers ?? 0, host: hostname(), boot: '', pid: 0, start: '' },
      ...{ started: at, renewed: 0 },
    })
    return { manifest, aside: aside.filter((path) => path !== undefined), placed, left, epoch }
  } catch (thrown) {
    await held.release()
    throw thrown
  }
}
