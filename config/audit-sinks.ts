/** Where copies of the audit log and its signed heads go: the same part of a hub's and of a daemon's configuration. */
import { z } from 'zod/mini'
import { absolutePath, durationWithin } from './schemas.ts'

const ways = {
  'tcp:': 'host',
  'tls:': 'host',
  'udp:': 'host',
  'unix:': 'path',
  'https:': 'url',
  'file:': 'path',
} as const
const isWay = (protocol: string): protocol is keyof typeof ways => Object.hasOwn(ways, protocol)

const isAddress = (text: string): boolean => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (
    url === undefined ||
    !isWay(url.protocol) ||
    url.username !== '' ||
    url.password !== '' ||
    url.hash !== ''
  )
    return false
  if (ways[url.protocol] === 'host')
    return url.port !== '' && url.hostname !== '' && /^\/?$/.test(url.pathname)
  return ways[url.protocol] === 'url' || (url.hostname === '' && url.pathname.length > 1 && url.search === '')
}

export const auditSink = z.readonly(
  z.strictObject({
    /** Names it in the log and where its place is kept. */
    name: z.string().check(z.regex(/^[a-z][a-z0-9-]{0,31}$/)),
    to: z.string().check(
      z.refine(isAddress, {
        error: (issue) =>
          `${JSON.stringify(issue.input)} is not tcp, tls or udp://HOST:PORT, unix:///PATH, https://… or file:///PATH, without a password`,
      }),
    ),
    /** Every record, as a syslog message; JSON lines into files and over HTTPS. */
    records: z._default(z.boolean(), false),
    /** Signed heads of the chain. */
    checkpoints: z._default(z.boolean(), true),
    /** PEM file. */
    ca: z.optional(absolutePath),
  }),
)
export type AuditSink = z.infer<typeof auditSink>

export const auditSinks = z.readonly(
  z.array(auditSink).check(
    z.maxLength(8),
    z.refine((list) => new Set(list.map(({ name }) => name)).size === list.length, {
      error: () => 'two have the same name',
    }),
  ),
)

/** How often the head is signed, if there is anything new. */
export const checkpointEvery = z._default(durationWithin('PT1S', 'P1D'), 'PT5M')
