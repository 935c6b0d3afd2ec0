/** `seneschal token`: tokens with which scripts read, made, listed and revoked by the person whose rights they have. */
import { SeneschalError } from '../../protocol/errors.ts'
import { parseId } from '../../protocol/ids.ts'
import {
  type TokenRead,
  type TokenRow,
  type TokenScope,
  tokenMade,
  tokenReads,
  tokensBody,
} from '../../protocol/script-tokens.ts'
import { type Command, type Input, mustHaveWords, text, texts } from '../command.ts'
import { hubClient, hubOption, section } from '../hub/options.ts'
import { scopeWords } from '../hub/scope-words.ts'

const day = 24 * 3_600_000

const isRead = (word: string): word is TokenRead => tokenReads.some((read) => read === word)

const readsOf = (given: string | undefined): readonly TokenRead[] =>
  (given ?? 'view').split(',').map((word) => {
    if (!isRead(word))
      throw new SeneschalError('usage', `${JSON.stringify(word)} is not one of ${tokenReads.join(', ')}.`)
    return word
  })

const targetOf = (word: string): NonNullable<TokenScope['on']>[number] => {
  const target = parseId(word.startsWith('~') ? word : `~${word}`)
  if (target === undefined || target.cycle !== undefined || target.task !== undefined)
    throw new SeneschalError('usage', `${JSON.stringify(word)} is neither ~ACCOUNT nor ~ACCOUNT/WORKFLOW.`)
  const { account, workflow } = target
  return workflow === undefined ? { account } : { account, workflow }
}

const lastsOf = (given: string | undefined): number | undefined => {
  if (given === undefined) return undefined
  if (!/^[1-9][0-9]{0,3}$/.test(given))
    throw new SeneschalError('usage', `${JSON.stringify(given)} is not a number of days.`)
  return Number(given) * day
}

export const tokenCreateCommand: Command = {
  name: 'token create',
  section,
  summary: 'Make a token with which a script reads what you may read; printed once, alone.',
  usage: "NAME [--for READS] [--on '~ACCOUNT[/WORKFLOW]']… [--days N] [--from ADDRESS]…",
  help: `A token is read-only whatever you may do, sees no more than you may at the time, and ends. Put it into a file
    that nobody else can read (umask 077; seneschal token create NAME > FILE) and name that with --token-file, or set
    $SENESCHAL_TOKEN. It is good over HTTP too, as "Authorization: Bearer …", but never beside a cookie or from a page.`,
  options: {
    for: {
      type: 'string',
      value: 'READS',
      help: 'what it reads, comma-separated: view, logs, source, search; or wall alone (default view)',
    },
    on: {
      type: 'string',
      multiple: true,
      value: 'ID',
      help: 'of these alone (default: all that you may view)',
    },
    days: {
      type: 'string',
      value: 'N',
      help: 'how long it is good for (default and most: as the site says)',
    },
    from: { type: 'string', multiple: true, value: 'ADDRESS', help: 'only from this address or CIDR range' },
    ...hubOption,
  },
  run: async (input) => {
    mustHaveWords(tokenCreateCommand, input, 1, 1)
    const on = texts(input, 'on').map(targetOf)
    const addresses = texts(input, 'from')
    const lasts = lastsOf(text(input, 'days'))
    const asked = {
      name: input.words[0],
      scope: { reads: readsOf(text(input, 'for')), on: on.length === 0 ? null : on },
      ...(lasts === undefined ? {} : { lasts }),
      ...(addresses.length === 0 ? {} : { addresses }),
    }
    const { body } = await hubClient(input).change('POST', '/api/tokens', asked, tokenMade)
    if (body === undefined) throw new SeneschalError('lost.connection')
    const { row, token } = body
    process.stdout.write(`${token}\n`)
    process.stderr.write(`${row.token} is good until ${new Date(row.expiresAt).toISOString()}.\n`)
    return 0
  },
}

const line = (row: TokenRow, withPerson: boolean): string =>
  [
    row.token,
    row.state.padEnd(7),
    ...(withPerson ? [row.person] : []),
    `until ${new Date(row.expiresAt).toISOString().slice(0, 10)}`,
    row.usedAt === null ? 'never used' : `used ${new Date(row.usedAt).toISOString()} from ${row.usedFrom}`,
    scopeWords(row.scope),
    row.name,
  ].join('  ')

const everybodyOption = {
  everybody: { type: 'boolean', help: 'as an administrator, raised to write: everybody’s' },
} as const
const pathOf = (input: Input): string =>
  input.values.everybody === true ? '/api/admin/tokens' : '/api/tokens'

export const tokenListCommand: Command = {
  name: 'token list',
  section,
  summary: 'List your tokens, with when and whence each was last used.',
  usage: '[--everybody] [--json] [--hub URL]',
  options: {
    ...everybodyOption,
    json: { type: 'boolean', help: 'print one JSON object per token' },
    ...hubOption,
  },
  run: async (input) => {
    mustHaveWords(tokenListCommand, input, 0, 0)
    const { tokens } = await hubClient(input).get(pathOf(input), tokensBody)
    for (const row of tokens)
      process.stdout.write(
        `${input.values.json === true ? JSON.stringify(row) : line(row, input.values.everybody === true)}\n`,
      )
    return 0
  },
}

export const tokenRevokeCommand: Command = {
  name: 'token revoke',
  section,
  summary: 'Revoke a token, by the name that the list gives first; its connections end at once.',
  usage: 'TOKEN [--everybody] [--hub URL]',
  options: { ...everybodyOption, ...hubOption },
  run: async (input) => {
    mustHaveWords(tokenRevokeCommand, input, 1, 1)
    const token = input.words[0] ?? ''
    // What is typed stands in the history of the shell: by then it is no secret any more, and no name either.
    if (!/^[a-z0-9]{10}$/.test(token))
      throw new SeneschalError(
        'usage',
        'A token is revoked by its name of ten characters: seneschal token list',
      )
    await hubClient(input).change('DELETE', `${pathOf(input)}/${token}`, undefined)
    return 0
  },
}

export const tokenCommands: readonly Command[] = [tokenCreateCommand, tokenListCommand, tokenRevokeCommand]
