/** From a name and a version to a plugin that answers: its files found, checked and copied, its host started. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod/mini'
import { milliseconds } from '../../config/schemas.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import {
  descriptionProblems,
  type PluginDescription,
  type PluginIdentity,
  pluginDescription,
} from '../../protocol/plugins.ts'
import type { ActivePlugin } from './config.ts'
import { copyPluginFiles, type PluginFiles, readPluginFiles } from './files.ts'
import { createHost, type PluginHost } from './host.ts'
import type { Installation } from './installation.ts'
import { pluginInSandbox, sandboxCommand } from './sandbox.ts'

export type Plugin = {
  readonly identity: PluginIdentity
  readonly description: PluginDescription
  readonly host: PluginHost
}

/** What the surroundings of a plugin are, the same for all. */
export type PluginPlace = {
  readonly installation: Installation
  /** undefined: no sandbox. */
  readonly bubblewrap: string | undefined
  readonly prlimit: string | undefined
  /** What plugins may not see. */
  readonly hideDirectories: readonly string[]
  readonly hideFiles: readonly string[]
  /** Where the copies lie. */
  readonly copies: string
  readonly now: () => number
  readonly onFailure: (plugin: string, why: string, output: string) => void
}

/** util-linux has it on every Linux that is not tiny. */
export const prlimitProgram = (): string | undefined => ['/usr/bin/prlimit', '/bin/prlimit'].find(existsSync)

/** The first of the places where it may be: a directory of that very version wins over one that has the name alone. */
export const findPluginDirectory = (
  directories: readonly string[],
  { name, version }: Pick<ActivePlugin, 'name' | 'version'>,
): { readonly root: string; readonly directory: string } | undefined => {
  for (const called of [`${name}@${version}`, name])
    for (const root of directories)
      if (existsSync(join(root, called))) return { root, directory: join(root, called) }
  return undefined
}

const describe = (name: string, answer: unknown): PluginDescription => {
  const parsed = pluginDescription.safeParse(answer)
  if (!parsed.success)
    throw new SeneschalError(
      'plugin.invalid',
      `What ${name} says of itself does not fit: ${z.prettifyError(parsed.error).slice(0, 1000)}`,
    )
  const problems = descriptionProblems(parsed.data)
  if (problems.length > 0) throw new SeneschalError('plugin.invalid', `${name}: ${problems.join('; ')}.`)
  return parsed.data
}

/** Whatever its settings are worth: `problems` says. Throws `plugin.invalid`, or what the host threw. */
export const openPlugin = async (
  files: PluginFiles,
  wanted: Omit<ActivePlugin, 'version'> & { readonly version?: string },
  place: PluginPlace,
): Promise<Plugin & { readonly problems: readonly string[] }> => {
  const { name } = files
  // Of its own: replacing it must not touch one that another version runs from.
  const copy = join(place.copies, `${name}@${wanted.version ?? 'any'}`)
  await copyPluginFiles(files, copy)
  const sandboxed = place.bubblewrap !== undefined
  const host = createHost({
    command: sandboxCommand({
      ...place.installation,
      ...place,
      plugin: copy,
      network: wanted.network,
      memory: wanted.memory,
    }),
    sandboxed,
    load: {
      op: 'load',
      directory: sandboxed ? pluginInSandbox : copy,
      file: files.entry.file,
      kind: files.entry.kind,
      settings: wanted.settings,
    },
    timeLimitMs: milliseconds(wanted.timeLimit),
    now: place.now,
    onFailure: (why, output) => place.onFailure(name, why, output),
  })
  try {
    const answer = await host.load()
    const description = describe(name, 'description' in answer ? answer.description : undefined)
    const { version } = description
    if (wanted.version !== undefined && version !== wanted.version)
      throw new SeneschalError(
        'plugin.invalid',
        `${files.directory} is version ${version}, not ${wanted.version}.`,
      )
    const problems = 'problems' in answer ? answer.problems : []
    return { identity: { name, version, digest: files.digest }, description, host, problems }
  } catch (thrown) {
    host.close()
    throw thrown
  }
}

export const activate = async (
  wanted: ActivePlugin,
  settings: { readonly directories: readonly string[]; readonly uid: number; readonly beyond: boolean },
  place: PluginPlace,
): Promise<Plugin> => {
  const found = findPluginDirectory(settings.directories, wanted)
  if (found === undefined)
    throw new SeneschalError(
      'plugin.invalid',
      `There is no directory ${wanted.name} or ${wanted.name}@${wanted.version}.`,
    )
  const { uid, beyond } = settings
  const files = await readPluginFiles({ name: wanted.name, ...found, uid, beyond })
  const { problems, ...plugin } = await openPlugin(files, wanted, place)
  if (problems.length === 0) return plugin
  plugin.host.close()
  throw new SeneschalError('plugin.invalid', `Its settings: ${problems.join('; ')}.`)
}
