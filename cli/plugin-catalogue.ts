/** What the daemon published of its active plugins, and how it reads for people. */
import { SeneschalError } from '../protocol/errors.ts'
import type { Schema } from '../protocol/json-schema.ts'
import { type CatalogueEntry, findPlugin, pluginCatalogue } from '../protocol/plugins.ts'
import { pluginCatalogueFile } from './site-directory.ts'

export const readCatalogue = async (site: string): Promise<readonly CatalogueEntry[]> => {
  const { readJsonFile } = await import('../durable/files.ts')
  const file = pluginCatalogueFile(site)
  const found = await readJsonFile(file, pluginCatalogue)
  if (found === undefined) throw new SeneschalError('feed.unavailable', `There is no ${file}.`)
  return found.plugins
}

/** Throws `plugin.none`. */
export const mustFindPlugin = async (site: string, ref: string): Promise<CatalogueEntry> => {
  const plugins = await readCatalogue(site)
  const found = findPlugin(plugins, ref)
  if (found === undefined)
    throw new SeneschalError(
      'plugin.none',
      `${JSON.stringify(ref)}; there are: ${plugins.map(({ name, version }) => `${name}@${version}`).join(', ') || 'none'}.`,
    )
  return found
}

export const summaryOf = ({ help }: CatalogueEntry): string => help.split('\n', 1)[0] ?? ''

const typeOf = (schema: Schema): string => {
  if (schema.type === 'array') return `${typeOf(schema.items)}…`
  if (schema.type === 'string' && schema.enum !== undefined) return schema.enum.join('|')
  return schema.type === 'string' ? 'TEXT' : schema.type === 'boolean' ? '' : schema.type.toUpperCase()
}

const boundsOf = (schema: Schema): string => {
  const told: string[] = []
  if ('minimum' in schema && schema.minimum !== undefined) told.push(`at least ${schema.minimum}`)
  if ('maximum' in schema && schema.maximum !== undefined) told.push(`at most ${schema.maximum}`)
  if ('maxItems' in schema && schema.maxItems !== undefined) told.push(`at most ${schema.maxItems}`)
  if ('default' in schema && schema.default !== undefined)
    told.push(`default ${JSON.stringify(schema.default)}`)
  return told.length === 0 ? '' : ` (${told.join(', ')})`
}

/** All that somebody needs who wants to run it. */
export const pluginHelp = (plugin: CatalogueEntry): string => {
  const { name, version, arguments: schema, positional, digest } = plugin
  const required = new Set(schema.required ?? [])
  const rows = Object.entries(schema.properties ?? {}).map(
    ([argument, property]) =>
      [
        `  --${argument} ${typeOf(property)}`.trimEnd(),
        `${property.description ?? ''}${boundsOf(property)}${required.has(argument) ? ' [required]' : ''}`.trim(),
      ] as const,
  )
  const width = Math.max(0, ...rows.map(([left]) => left.length)) + 2
  const words = positional.map((argument) => {
    const shown = schema.properties?.[argument]?.type === 'array' ? `${argument}…` : argument
    return required.has(argument) ? shown.toUpperCase() : `[${shown.toUpperCase()}]`
  })
  return [
    `seneschal submit ${[plugin.default ? name : `${name}@${version}`, ...words].join(' ')}`,
    '',
    plugin.help.trimEnd(),
    ...(rows.length === 0
      ? []
      : ['', 'Arguments:', ...rows.map(([left, right]) => left.padEnd(width) + right)]),
    '',
    `${name} ${version}, sha256 ${digest}`,
    '',
  ].join('\n')
}
