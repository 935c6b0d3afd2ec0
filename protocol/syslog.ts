/** Audit records as syslog messages (RFC 5424). Pure; how they travel is `wire/sinks.ts`' affair. */
import { type AuditRecord, visible } from './audit.ts'

/** Facility 13, log audit; severity informational or, for what was not done, warning. */
const facility = 13
const severityOf = ({ outcome }: Pick<AuditRecord, 'outcome'>): number =>
  outcome === 'allowed' || outcome === 'done' ? 6 : 4

/** The number is the one that RFC 5612 sets aside for examples: collectors that insist on one of their own rewrite it. */
const elementId = 'seneschal@32473'
/** The text that follows is UTF-8. */
const byteOrderMark = '\ufeff'

/** As the value of a parameter is written; control characters as visible escapes, so that a message is one line. */
const escaped = (value: string): string => visible(value).replace(/["\\\]]/g, '\\$&')

const element = (parameters: Readonly<Record<string, string | number | null | undefined>>): string =>
  `[${[
    elementId,
    ...Object.entries(parameters).flatMap(([name, value]) =>
      value === null || value === undefined ? [] : [`${name}="${escaped(String(value))}"`],
    ),
  ].join(' ')}]`

const header = (priority: number, time: string, host: string | undefined, id: string): string =>
  `<${priority}>1 ${time} ${host ?? '-'} seneschal - ${id}`

/** Without the framing of a stream; `host` is the name of the one that writes the log. */
export const syslogMessage = (record: AuditRecord, host?: string): string => {
  const { time, event, args, sentence, ...rest } = record
  const data = element({ ...rest, ...(args === null ? {} : { args: JSON.stringify(args) }) })
  return `${header(facility * 8 + severityOf(record), time, host, event)} ${data} ${byteOrderMark}${visible(sentence)}`
}

/** A signed head of the chain, as a message of its own. */
export const syslogCheckpoint = (
  checkpoint: { readonly writer: string; readonly seq: number; readonly jws: string; readonly at: number },
  host?: string,
): string => {
  const { writer, seq, jws, at } = checkpoint
  const data = element({ writer, seq, checkpoint: jws })
  const head = header(facility * 8 + 6, new Date(at).toISOString(), host, 'checkpoint')
  return `${head} ${data} ${byteOrderMark}The audit log of ${writer} ended with record ${seq}`
}
