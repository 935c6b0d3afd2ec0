/** Where a site's directories are, for commands that read and write files and nothing else. */
import { join, resolve } from 'node:path'
import { type Input, type Option, text } from './command.ts'

export const siteOption = {
  site: {
    type: 'string',
    value: 'DIR',
    help: 'the site’s directory (default $SENESCHAL_SITE, else /var/lib/seneschal)',
  },
} as const satisfies Record<string, Option>

export const siteDirectory = (input: Input): string =>
  resolve(text(input, 'site') ?? process.env.SENESCHAL_SITE ?? '/var/lib/seneschal')

export const pluginCatalogueFile = (site: string): string => join(site, 'feed/public/plugins.json')

export const requestDirectories = (site: string) => ({
  temp: join(site, 'requests/0_temp'),
  inbox: join(site, 'requests/1_inbox'),
  processing: join(site, 'requests/2_processing'),
  refused: join(site, 'requests/3_error'),
  finished: join(site, 'requests/3_finished'),
})
