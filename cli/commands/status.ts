/** `seneschal status`: how a request is, read from published files; works while the daemon is down. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { CopyProgress } from '../../protocol/copies.ts'
import { errorTable, isErrorCode, SeneschalError } from '../../protocol/errors.ts'
import { requestId } from '../../protocol/ids.ts'
import type { PublicStatus } from '../../protocol/public-status.ts'
import { type Command, mustHaveWords } from '../command.ts'
import { siteDirectory, siteOption } from '../site-directory.ts'

const pollMs = 200
/** A request that was there may be nowhere for a moment, while a daemon starts; then it is gone, ms. */
const missedAfter = 5000

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const
const bytesOf = (count: number): string => {
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(count, 1)) / 3)))
  return `${(count / 1000 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step]}`
}
const lengthOf = (ms: number): string => {
  const seconds = Math.ceil(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  return seconds < 3600 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}

const presentProgress = ({ files, bytes, totalFiles, totalBytes, rate, left }: CopyProgress): string => {
  const whole = totalBytes === null ? '' : ` of ${bytesOf(totalBytes)}`
  const all = totalFiles === null ? '' : ` of ${totalFiles}`
  const rest = left === null ? [] : [`${lengthOf(left)} left`]
  return [`${bytesOf(bytes)}${whole}`, `${files}${all} files`, `${bytesOf(rate)}/s`, ...rest].join(', ')
}

const present = ({ id, state, code, progress }: PublicStatus): string => {
  const told = progress === undefined ? [] : [presentProgress(progress)]
  const line = [id, state, ...(code === null ? [] : [code]), ...told].join('  ')
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
