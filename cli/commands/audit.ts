/** `seneschal audit`: whether audit logs are whole, and what stands in them. */
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import type { Anchor } from '../../durable/chain-verify.ts'
import { type AuditRecord, auditOutcomes } from '../../protocol/audit.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { syslogMessage } from '../../protocol/syslog.ts'
import { type Command, type Input, mustHaveWords, text, texts } from '../command.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const parseAnchor = (word: string): Anchor => {
  const match = /^((?:hub|daemon)\/[A-Za-z0-9_.-]+)=([0-9]+:[0-9a-f]{64})$/.exec(word)
  if (match?.[1] === undefined || match[2] === undefined)
    throw new SeneschalError('usage', `${JSON.stringify(word)} is not WRITER=SEQ:HASH.`)
  return { writer: match[1], head: match[2] }
}

const readText = async (file: string): Promise<string> => {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new SeneschalError('file.unavailable', `${file}: ${(cause as Error).message}`, { cause })
  }
}

/** Checkpoints of files, each signed by one of the keys. */
const readCheckpoints = async (input: Input): Promise<readonly Anchor[]> => {
  const files = texts(input, 'checkpoints')
  const keys = texts(input, 'key')
  if (files.length === 0) return []
  if (keys.length === 0)
    throw new SeneschalError(
      'usage',
      'Name the public keys that the checkpoints are signed with: --key FILE.',
    )
  const { createCheckpointReader } = await import('../../wire/checkpoints.ts')
  const read = createCheckpointReader(await Promise.all(keys.map(readText)))
  const found = await Promise.all(files.map(async (file) => read(await readText(file), file)))
  return found.flat()
}

export const auditVerifyCommand: Command = {
  name: 'audit verify',
  summary: 'Check the hash chains of audit logs: flips, deletions, changes of order, cut tails.',
  usage: 'DIR… [--head WRITER=SEQ:HASH…] [--checkpoints FILE… --key FILE…] [--strict]',
  help: `Give the directories of the hub and of its daemons together: each chain is checked by itself and against the heads of
    it that the others carry, so that none can be rewritten or cut without all of them. What ends behind the last head that
    anybody kept shows only through a checkpoint or a head from outside.

    Together it also names the intents that have no outcome: those of the last moment, and those of a hub that was killed
    before it could hand over. They are no sign of tampering.

    Exit code 0: all are whole. Otherwise one is not, and its first bad record is named, or an error says why nothing was
    checked.`,
  options: {
    head: {
      type: 'string',
      multiple: true,
      value: 'WRITER=SEQ:HASH',
      help: 'a head that its chain must contain',
    },
    checkpoints: {
      type: 'string',
      multiple: true,
      value: 'FILE',
      help: 'signed heads that were kept elsewhere, one a line',
    },
    key: {
      type: 'string',
      multiple: true,
      value: 'FILE',
      help: 'public keys of the writers: jwks.json of the hub, audit-key.json of a daemon',
    },
    strict: { type: 'boolean', help: 'parse each record as well; takes ten times as long' },
  },
  run: async (input) => {
    mustHaveWords(auditVerifyCommand, input, 1, 64)
    const anchors = [...texts(input, 'head').map(parseAnchor), ...(await readCheckpoints(input))]
    const { verifyChains } = await import('../../durable/chain-verify.ts')
    const { createOpenIntents } = await import('../../hub/open-intents.ts')
    const intents = createOpenIntents()
    const dirs = [...new Set(input.words.map((dir) => resolve(dir)))]
    const report = await verifyChains(dirs, {
      anchors,
      strict: input.values.strict === true,
      onLine: intents.note,
    })
    for (const { dir, writer, records, head, anchored, bad } of report.chains)
      say(
        bad === undefined
          ? `${dir}: ${writer}: ${records} records, whole, head ${head}${anchored === 0 ? '' : `, ${anchored} kept elsewhere`}`
          : `${dir}: ${writer}: BROKEN at ${bad.file}:${bad.line}, record ${bad.seq}: ${bad.why}`,
      )
    const empty = dirs.filter((dir) => !report.chains.some((chain) => chain.dir === dir))
    for (const dir of empty) say(`${dir}: there is no audit log here`)
    const ok = report.ok && empty.length === 0
    for (const { time, sentence, request } of ok ? (intents.open() ?? []) : [])
      say(`without outcome: ${time} ${sentence} (request ${request})`)
    return ok ? 0 : 1
  },
}

const timeOf = (input: Input, name: string): number | undefined => {
  const given = text(input, name)
  const time = given === undefined ? undefined : Date.parse(given)
  if (Number.isNaN(time))
    throw new SeneschalError('usage', `${JSON.stringify(given)} is not a time such as 2026-11-22T14:00:00Z.`)
  return time
}

/** Whether a record is asked for. */
const filterOf = (input: Input): ((record: AuditRecord) => boolean) => {
  const [from, to] = [timeOf(input, 'from'), timeOf(input, 'to')]
  const outcome = text(input, 'outcome')
  if (outcome !== undefined && !auditOutcomes.some((known) => known === outcome))
    throw new SeneschalError('usage', `There are the outcomes ${auditOutcomes.join(', ')}.`)
  const wanted = (['person', 'account', 'workflow', 'action', 'event', 'outcome'] as const).flatMap(
    (field) => {
      const value = text(input, field)
      return value === undefined ? [] : [[field, value] as const]
    },
  )
  return (record) => {
    const at = Date.parse(record.time)
    if ((from !== undefined && at < from) || (to !== undefined && at >= to)) return false
    return wanted.every(([field, value]) => record[field] === value)
  }
}

/** Waits where whoever reads does not keep up. */
const write = (line: string): Promise<void> | undefined =>
  process.stdout.write(line) ? undefined : new Promise((done) => process.stdout.once('drain', () => done()))

const filterOption = (field: string) =>
  ({ type: 'string', value: 'NAME', help: `only of this ${field}` }) as const

export const auditExportCommand: Command = {
  name: 'audit export',
  summary: 'Print the records of audit logs as JSON lines or as syslog messages (RFC 5424).',
  usage: 'DIR… [--from TIME] [--to TIME] [--person NAME] … [--format json|syslog]',
  help: `Reads the files of a hub or a daemon as they are, writer after writer, and checks nothing: see audit verify. Needs
    no service that runs. Through the hub, limited to what one may see: GET /api/audit/export.`,
  options: {
    from: { type: 'string', value: 'TIME', help: 'records of then and later, ISO 8601' },
    to: { type: 'string', value: 'TIME', help: 'records of before then' },
    person: filterOption('person'),
    account: filterOption('account'),
    workflow: filterOption('workflow'),
    action: filterOption('action'),
    event: filterOption('event'),
    outcome: { type: 'string', value: 'OUTCOME', help: auditOutcomes.join(', ') },
    format: { type: 'string', value: 'FORMAT', help: 'json (default) or syslog, one message a line' },
  },
  run: async (input) => {
    mustHaveWords(auditExportCommand, input, 1, 64)
    const format = text(input, 'format') ?? 'json'
    if (format !== 'json' && format !== 'syslog')
      throw new SeneschalError('usage', `${JSON.stringify(format)} is neither json nor syslog.`)
    const isWanted = filterOf(input)
    const host = hostname()
    const { readChain } = await import('../../durable/chain-verify.ts')
    for (const dir of input.words)
      try {
        for await (const record of readChain(resolve(dir)))
          if (isWanted(record))
            await write(`${format === 'json' ? JSON.stringify(record) : syslogMessage(record, host)}\n`)
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === undefined) throw cause
        throw new SeneschalError('file.unavailable', `${dir}: ${(cause as Error).message}`, { cause })
      }
    return 0
  },
}
