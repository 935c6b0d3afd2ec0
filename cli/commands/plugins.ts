/** `seneschal plugins` and `seneschal help PLUGIN`: what may be run here, from a published file; no daemon is needed. */
import { type Command, mustHaveWords } from '../command.ts'
import { mustFindPlugin, pluginHelp, readCatalogue, summaryOf } from '../plugin-catalogue.ts'
import { siteDirectory, siteOption } from '../site-directory.ts'

export const pluginsCommand: Command = {
  name: 'plugins',
  summary: 'List the plugins that this site has activated.',
  usage: '[--json]',
  options: { json: { type: 'boolean', help: 'print the catalogue as JSON' }, ...siteOption },
  run: async (input) => {
    mustHaveWords(pluginsCommand, input, 0, 0)
    const plugins = await readCatalogue(siteDirectory(input))
    if (input.values.json === true) {
      process.stdout.write(`${JSON.stringify(plugins)}\n`)
      return 0
    }
    const rows = plugins.map((one) => [
      `${one.name}@${one.version}`,
      one.default ? '' : 'by version only',
      summaryOf(one),
    ])
    const width = (column: number): number => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)) + 2
    const isMixed = rows.some(([, note]) => note !== '')
    for (const [name = '', note = '', summary = ''] of rows)
      process.stdout.write(`${name.padEnd(width(0))}${isMixed ? note.padEnd(width(1)) : ''}${summary}\n`)
    if (rows.length === 0) process.stdout.write('No plugin is active.\n')
    return 0
  },
}

export const helpCommand: Command = {
  name: 'help',
  summary: 'Show how a plugin is run: what it does, and its arguments.',
  usage: 'PLUGIN[@VERSION]',
  help: 'At a terminal the text goes through $PAGER. Commands have --help.',
  options: siteOption,
  run: async (input) => {
    mustHaveWords(helpCommand, input, 1, 1)
    const [ref = ''] = input.words
    const text = pluginHelp(await mustFindPlugin(siteDirectory(input), ref))
    const { page } = await import('../pager.ts')
    await page(text, { isTerminal: process.stdout.isTTY === true, pager: process.env.PAGER })
    return 0
  },
}
