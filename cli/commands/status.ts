/**
 * `seneschal status`: how a request is, read from published files, which works while the daemon is down; and how
 * anything is that a hub shows, asked as oneself or with a script's token.
 */
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CopyProgress } from '../../protocol/copies.ts'
import { errorTable, isErrorCode, SeneschalError } from '../../protocol/errors.ts'
import { requestId } from '../../protocol/ids.ts'
import type { PublicStatus } from '../../protocol/public-status.ts'
import { type Command, type Input, mustHaveWords, text } from '../command.ts'
import { readingClient, readingOptions } from '../hub/options.ts'
import { showRequest, showTarget, targetIn } from '../hub/status.ts'
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

/** Where a hub is named, or nothing of the site is on this host. */
const isForHub = (input: Input, site: string): boolean =>
  text(input, 'hub') !== undefined ||
  text(input, 'token-file') !== undefined ||
  (text(input, 'site') === undefined && !existsSync(site))

export const statusCommand: Command = {
  name: 'status',
  summary: 'Show how a request is; or an account, a workflow, a cycle, a task, through a hub.',
  usage: "REQUEST [--follow] | '~ACCOUNT[/WORKFLOW[//CYCLE[/TASK]]]'",
  help: `A request is read from what the daemon published, archives of earlier days included: there everybody sees
    its state. Who asked for what, and the reason of a refusal, are told by the hub to those who may view: name it with
    --hub or --token-file. Where the site's directory is not on this host, the hub is asked.

    Anything else is asked of the hub, as yourself after seneschal login, or with a script's token. An account shows its
    workflows, a workflow what needs attention, a cycle or a task its jobs. Quote an id that begins with ~, or leave the
    ~ away.`,
  options: {
    follow: { type: 'boolean', short: 'f', help: 'wait for the end; exit 0 for done, 1 for anything else' },
    json: { type: 'boolean', help: 'print JSON, an object a line' },
    ...siteOption,
    ...readingOptions,
  },
  run: async (input) => {
    mustHaveWords(statusCommand, input, 1, 1)
    const [id = ''] = input.words
    const json = input.values.json === true
    if (!requestId.safeParse(id).success) {
      const target = targetIn(id)
      if (target === undefined)
        throw new SeneschalError('usage', `${JSON.stringify(id)} is neither a request's id nor ~ACCOUNT/….`)
      return showTarget(readingClient(input), target, json)
    }
    const site = siteDirectory(input)
    if (isForHub(input, site))
      return showRequest(readingClient(input), id, { json, follows: input.values.follow === true })
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
        const line = json ? JSON.stringify(status) : present(status)
        if (line !== shown) process.stdout.write(`${line}\n`)
        shown = line
        if (status.state !== 'waiting') return status.state === 'done' ? 0 : 1
        if (!follows) return 0
      }
      await sleep(pollMs)
    }
  },
}
