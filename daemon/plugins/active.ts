/** The plugins that the configuration names, as far as they may run; and the catalogue that says so. */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '../../durable/files.ts'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import { findPlugin, type PluginCatalogue } from '../../protocol/plugins.ts'
import type { DaemonEvent } from '../events.ts'
import type { SiteLayout } from '../layout.ts'
import type { Log } from '../log.ts'
import { activate, type Plugin, type PluginPlace, prlimitProgram } from './activate.ts'
import type { ActivePlugin, PluginsConfig } from './config.ts'
import type { Installation } from './installation.ts'

export type Active = Plugin & {
  readonly name: string
  readonly version: string
  /** It is what its name alone asks for. */
  readonly default: boolean
  readonly config: ActivePlugin
}

export type ActivePlugins = {
  /** Starts them all; what cannot run is reported, and tried again now and then. */
  readonly start: () => Promise<void>
  /** The version that `name` or `name@version` asks for now. */
  readonly find: (ref: string) => Active | undefined
  /** That very code, if it is active still. */
  readonly exactly: (identity: Plugin['identity']) => Active | undefined
  readonly close: () => void
}

export type ActiveParts = {
  readonly config: PluginsConfig
  readonly layout: SiteLayout
  readonly installation: Installation
  /** The daemon's own home and keys: no plugin sees them. */
  readonly secrets: { readonly directories: readonly string[]; readonly files: readonly string[] }
  readonly uid: number
  /** Whether the parents of the configured directories must be safe too. */
  readonly beyond: boolean
  readonly commit: (events: readonly DaemonEvent[]) => Promise<void>
  readonly report: (where: string, what: unknown) => void
  readonly log: Log
  readonly now: () => number
}

const tryAgainMs = 30_000

const presentCatalogue = (plugins: readonly Active[]): PluginCatalogue => ({
  v: 1,
  plugins: plugins.map(({ identity, description, default: isDefault }) => ({
    ...identity,
    default: isDefault,
    help: description.help,
    arguments: description.arguments,
    positional: description.positional ?? [],
  })),
})

export const createActivePlugins = (parts: ActiveParts): ActivePlugins => {
  const { config, layout, log } = parts
  const copies = join(layout.state, 'plugins')
  const running = new Map<ActivePlugin, Active>()
  const refusals = new Map<ActivePlugin, string>()
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const place: PluginPlace = {
    installation: parts.installation,
    bubblewrap: config.sandbox === 'none' ? undefined : config.bubblewrap,
    prlimit: prlimitProgram(),
    hideDirectories: [
      ...[layout.state, layout.audit, layout.feed, layout.requests],
      ...parts.secrets.directories.filter((path) => path !== '/' && existsSync(path)),
    ],
    hideFiles: parts.secrets.files.filter((path) => existsSync(path)),
    copies,
    now: parts.now,
    onFailure: (plugin, why, output) => log.warn({ plugin, output }, why),
  }

  const publish = async (): Promise<void> => {
    const inOrder = config.active.flatMap((wanted) => running.get(wanted) ?? [])
    const text = `${JSON.stringify(presentCatalogue(inOrder))}\n`
    await writeFileAtomic(join(layout.publicFeed, 'plugins.json'), text, { mode: 0o644 })
  }

  const isDefault = (wanted: ActivePlugin): boolean =>
    config.active.find(({ name }) => name === wanted.name) === wanted

  /** Audited once for each reason, however often it is tried. */
  const refuse = async (where: string, wanted: ActivePlugin, error: SeneschalError): Promise<void> => {
    parts.report(where, error)
    if (closed || refusals.get(wanted) === error.message) return
    refusals.set(wanted, error.message)
    const reason = `${where}: ${error.message}`
    await parts.commit([{ kind: 'configuration-refused', at: parts.now(), reason }])
  }

  const startOne = async (wanted: ActivePlugin): Promise<void> => {
    const where = `plugin ${wanted.name}@${wanted.version}`
    try {
      if (place.bubblewrap !== undefined && !existsSync(place.bubblewrap))
        throw new SeneschalError(
          'plugin.invalid',
          `There is no ${place.bubblewrap}: install bubblewrap, or say plugins.sandbox: none.`,
        )
      const plugin = await activate(
        wanted,
        {
          directories: [...config.directories, parts.installation.builtin],
          uid: parts.uid,
          beyond: parts.beyond,
        },
        place,
      )
      if (closed) return plugin.host.close()
      running.set(wanted, { ...plugin, ...plugin.identity, config: wanted, default: isDefault(wanted) })
      await parts.commit([{ kind: 'plugin-activated', at: parts.now(), plugin: plugin.identity }])
      parts.report(where, null)
      log.info({ ...plugin.identity }, 'plugin active')
    } catch (thrown) {
      await refuse(where, wanted, asSeneschalError(thrown))
    }
  }

  const startMissing = async (): Promise<void> => {
    const missing = config.active.filter((wanted) => !running.has(wanted))
    await Promise.all(missing.map(startOne))
    await publish()
    if (!closed && missing.some((wanted) => !running.has(wanted)))
      timer = setTimeout(
        () => void startMissing().catch((error) => parts.report('plugins', error)),
        tryAgainMs,
      )
  }

  return {
    start: async () => {
      rmSync(copies, { recursive: true, force: true })
      if (config.sandbox === 'none' && config.active.length > 0)
        log.warn({}, 'UNSAFE: plugins run without a sandbox, with all rights of the service account')
      if (place.prlimit === undefined && config.active.length > 0)
        log.warn({}, 'there is no prlimit: the memory of plugins is limited by their heap alone')
      await startMissing()
    },
    find: (ref) => findPlugin([...running.values()], ref),
    exactly: ({ name, version, digest }) => {
      const found = findPlugin([...running.values()], `${name}@${version}`)
      return found?.identity.digest === digest ? found : undefined
    },
    close: () => {
      closed = true
      clearTimeout(timer)
      for (const { host } of running.values()) host.close()
    },
  }
}
