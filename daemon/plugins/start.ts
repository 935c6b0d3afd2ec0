/** Puts the parts of plugin runs together for one daemon. */
import { dirname } from 'node:path'
import type { DaemonConfig } from '../config.ts'
import type { Dispatch } from '../dispatch.ts'
import { siteLayout } from '../layout.ts'
import { type ActiveParts, type ActivePlugins, createActivePlugins } from './active.ts'
import { type Conductor, type ConductorParts, createConductor } from './conductor.ts'
import { createJobExecutor, type Executor } from './executors.ts'

type Parts = Pick<ConductorParts, 'state' | 'publisher' | 'mayBegin'> &
  Pick<ActiveParts, 'installation' | 'uid' | 'commit' | 'report' | 'log' | 'now'> & {
    readonly config: DaemonConfig
    readonly home: string | undefined
    /** What carries out copies. */
    readonly copies: Executor
    readonly dispatchOf: (account: string) => Dispatch | undefined
  }

const keyFiles = ({ accounts }: DaemonConfig): readonly string[] => [
  ...new Set(
    Object.values(accounts).flatMap(({ transport }) => (transport.kind === 'ssh' ? [transport.keyFile] : [])),
  ),
]

/** Directories that programs need; a key that lies right in one of them is hidden by itself. */
const ofTheSystem = new Set([
  '/',
  '/etc',
  '/usr',
  '/bin',
  '/lib',
  '/lib64',
  '/opt',
  '/var',
  '/var/lib',
  '/home',
])

/** A file is hidden under its name only until another is renamed there, as keys are when they are changed. */
const keyDirectories = (files: readonly string[]): readonly string[] =>
  [...new Set(files.map((file) => dirname(file)))].filter((path) => !ofTheSystem.has(path))

/** Resolves when every configured plugin runs, or is reported as one that does not. */
export const createPluginRuns = async (
  parts: Parts,
): Promise<{ readonly conductor: Conductor; readonly plugins: ActivePlugins }> => {
  const { config, home } = parts
  const plugins = createActivePlugins({
    ...parts,
    config: config.plugins,
    layout: siteLayout(config.root),
    secrets: {
      directories: [...(home === undefined ? [] : [home]), ...keyDirectories(keyFiles(config))],
      files: keyFiles(config),
    },
    // In the demonstration everything is one user's, wherever that user put it.
    beyond: !config.unsafeSingleUser,
  })
  const conductor = createConductor({
    ...parts,
    plugins,
    executors: { job: createJobExecutor(parts.dispatchOf), copy: parts.copies },
    onProblem: (error) => parts.report('plugin runs', error),
  })
  await plugins.start()
  return { conductor, plugins }
}
