/** `seneschal list`: requests, the newest last, read from published files; works while the daemon is down. */
import { SeneschalError } from '../../protocol/errors.ts'
import { requestStates } from '../../protocol/requests.ts'
import { type Command, mustHaveWords, text } from '../command.ts'
import { siteDirectory, siteOption } from '../site-directory.ts'

const sinceOf = (given: string | undefined): number => {
  if (given === undefined) return 0
  const at = Date.parse(given)
  if (Number.isNaN(at))
    throw new SeneschalError(
      'usage',
      `${JSON.stringify(given)} is not a time such as 2026-11-22 or 2026-11-22T06:00Z.`,
    )
  return at
}

const mostOf = (given: string | undefined): number => {
  if (given === undefined) return 50
  if (!/^[1-9][0-9]{0,5}$/.test(given))
    throw new SeneschalError('usage', `${JSON.stringify(given)} is not a number from 1 to 999999.`)
  return Number(given)
}

const stateOf = (given: string | undefined) => {
  if (given === undefined) return undefined
  const state = requestStates.find((one) => one === given)
  if (state === undefined)
    throw new SeneschalError('usage', `${JSON.stringify(given)} is not a state: ${requestStates.join(', ')}.`)
  return state
}

export const listCommand: Command = {
  name: 'list',
  summary: 'List requests, the newest last.',
  usage: '[--state STATE] [--since TIME] [--all]',
  help: `Everybody may see ids, states, times and codes. A request under ID-UID is one that another user had used
    the id of before.`,
  options: {
    state: { type: 'string', value: 'STATE', help: requestStates.join(', ') },
    since: { type: 'string', value: 'TIME', help: 'nothing before it, for example 2026-11-22T06:00Z' },
    all: { type: 'boolean', short: 'a', help: 'archives of earlier days too' },
    limit: { type: 'string', short: 'n', value: 'N', help: 'the newest N (default 50)' },
    json: { type: 'boolean', help: 'a JSON object a line' },
    ...siteOption,
  },
  run: async (input) => {
    mustHaveWords(listCommand, input, 0, 0)
    const listing = {
      since: sinceOf(text(input, 'since')),
      state: stateOf(text(input, 'state')),
      archived: input.values.all === true,
      most: mostOf(text(input, 'limit')),
    }
    const { listRequests } = await import('../published-requests.ts')
    for (const { name, status } of await listRequests(siteDirectory(input), listing)) {
      const { state, code, at } = status
      const words = [new Date(at).toISOString(), name, state, ...(code === null ? [] : [code])]
      process.stdout.write(
        `${input.values.json === true ? JSON.stringify({ ...status, name }) : words.join('  ')}\n`,
      )
    }
    return 0
  },
}
