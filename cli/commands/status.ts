/** `seneschal status`: how a request is, read from published files; works while the daemon is down. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SeneschalError } from '../../protocol/errors.ts'
import { requestId } from '../../protocol/ids.ts'
import { type Command, mustHaveWords } from '../command.ts'
import { requestDirectories, siteDirectory, siteOption } from '../site-directory.ts'

const pollMs = 200

/** The public status: id, state, times and code, as the daemon wrote it. */
const readStatus = (site: string, id: string): Record<string, unknown> | undefined => {
  const { inbox, processing, refused, finished } = requestDirectories(site)
  for (const directory of [finished, refused, processing]) {
    const file = join(directory, id, 'status.json')
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  }
  return existsSync(join(inbox, `${id}.json`)) ? { id, state: 'waiting' } : undefined
}

export const statusCommand: Command = {
  name: 'status',
  summary: 'Show how a request is.',
  usage: 'ID [--follow]',
  options: {
    follow: { type: 'boolean', short: 'f', help: 'wait for the end; exit 0 for done, 1 for anything else' },
    json: { type: 'boolean', help: 'print the status as JSON' },
    ...siteOption,
  },
  run: async (input) => {
    mustHaveWords(statusCommand, input, 1, 1)
    const [id = ''] = input.words
    if (!requestId.safeParse(id).success)
      throw new SeneschalError('usage', `${JSON.stringify(id)} is not a request id.`)
    const site = siteDirectory(input)
    let shown = ''
    for (;;) {
      const status = readStatus(site, id)
      if (status === undefined) throw new SeneschalError('request.unknown')
      const line =
        input.values.json === true
          ? JSON.stringify(status)
          : [id, status.state, status.code].filter((part) => part !== undefined && part !== null).join('  ')
      if (line !== shown) process.stdout.write(`${line}\n`)
      shown = line
      if (status.state !== 'waiting') return status.state === 'done' ? 0 : 1
      if (input.values.follow !== true) return 0
      await sleep(pollMs)
    }
  },
}
