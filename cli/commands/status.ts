/** `seneschal status`: how a request is, read from published files; works while the daemon is down. */
import { setTimeout as sleep } from 'node:timers/promises'
import { errorTable, isErrorCode, SeneschalError } from '../../protocol/errors.ts'
import { requestId } from '../../protocol/ids.ts'
import type { PublicStatus } from '../../protocol/public-status.ts'
import { type Command, mustHaveWords } from '../command.ts'
import { siteDirectory, siteOption } from '../site-directory.ts'

const pollMs = 200
/** A request that was there may be nowhere for a moment, while a daemon starts; then it is gone, ms. */
const missedAfter = 5000

const present = ({ id, state, code }: PublicStatus): string => {
  const line = [id, state, ...(code === null ? [] : [code])].join('  ')
  return isErrorCode(code) ? `${line}\n  ${errorTable[code].text}` : line
}

export const statusCommand: Command = {
  name: 'status',
  summary: 'Show how a request is.',
  usage: 'ID [--follow]',
  help: `Reads what the daemon published, archives of earlier days included. Who asked for what, and the reason of a
    refusal, stand in the account's own feed: see the pages.`,
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
    const { findRequest } = await import('../published-requests.ts')
    const follows = input.values.follow === true
    let shown = ''
    let seenAt: number | undefined
    for (;;) {
      const status = await findRequest(site, id, process.getuid?.() ?? -1)
      if (status === undefined) {
        if (!follows || seenAt === undefined || performance.now() - seenAt > missedAfter)
          throw new SeneschalError('request.unknown')
      } else {
        seenAt = performance.now()
        const line = input.values.json === true ? JSON.stringify(status) : present(status)
        if (line !== shown) process.stdout.write(`${line}\n`)
        shown = line
        if (status.state !== 'waiting') return status.state === 'done' ? 0 : 1
        if (!follows) return 0
      }
      await sleep(pollMs)
    }
  },
}
