/** The `plugins:` part of the daemon's configuration. Nothing is active unless it stands here. */
import { z } from 'zod/mini'
import { absolutePath, duration } from '../../config/schemas.ts'
import { accountName } from '../../protocol/ids.ts'
import { pluginName, pluginVersion } from '../../protocol/plugins.ts'

const active = z.strictObject({
  name: pluginName,
  /** The first version of a name that stands in the list is what the name alone asks for. */
  version: pluginVersion,
  /** As the plugin's own schema wants them. */
  settings: z._default(z.record(z.string(), z.unknown()), {}),
  /** Accounts for which it may be asked; without it, all. */
  accounts: z.optional(z.array(accountName)),
  /** Users of the site's hosts who are no account may ask too, for themselves. They have no jobs here. */
  anyUser: z._default(z.boolean(), false),
  /** It may reach the network. */
  network: z._default(z.boolean(), false),
  /** For one answer. */
  timeLimit: z._default(duration, 'PT5S'),
  /** MiB of heap. */
  memory: z._default(z.number().check(z.int(), z.gte(32), z.lte(4096)), 128),
})
export type ActivePlugin = Readonly<z.infer<typeof active>>

export const pluginsConfig = z.strictObject({
  /** Searched in this order for `NAME@VERSION/` and `NAME/`; the built-in ones come last. */
  directories: z._default(z.array(absolutePath), []),
  active: z._default(
    z.array(active).check(
      z.refine(
        (list) => new Set(list.map(({ name, version }) => `${name}@${version}`)).size === list.length,
        {
          error: 'one version of a plugin stands there twice',
        },
      ),
    ),
    [],
  ),
  /** `none`: plugins run with all rights of the service account. */
  sandbox: z._default(z.enum(['bubblewrap', 'none']), 'bubblewrap'),
  bubblewrap: z._default(absolutePath, '/usr/bin/bwrap'),
})
export type PluginsConfig = Readonly<z.infer<typeof pluginsConfig>>

export const noPlugins: PluginsConfig = {
  directories: [],
  active: [],
  sandbox: 'bubblewrap',
  bubblewrap: '/usr/bin/bwrap',
}
