/**
 * Paths below `/u/`, taken as they came over the wire, before anybody decoded or normalised them. What could mean
 * one thing here and another at the UI server is refused rather than repaired.
 */
import { SeneschalError } from '../../protocol/errors.ts'
import { accountPattern, parseId } from '../../protocol/ids.ts'
import type { Wants } from '../context.ts'

export type ProxyPath = {
  readonly account: string
  /** What the UI server is asked for: path and query, beginning with `/`, byte for byte. */
  readonly target: string
  /** The path's segments, decoded. */
  readonly segments: readonly string[]
  readonly query: URLSearchParams
}

/** RFC 3986 `pchar` without `;`, which some servers cut at. */
const segmentPattern = /^(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})+$/
/** Encodings that have no honest use in a path: `.`, `;`, `\`, `%` itself, and control characters. */
const dishonest = /%(?:2e|3b|5c|25|[01][0-9a-f]|7f)/i
const queryPattern = /^(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*$/

const refuse = (): never => {
  throw new SeneschalError('path.invalid')
}

const decode = (segment: string): string => {
  if (!segmentPattern.test(segment) || dishonest.test(segment)) return refuse()
  try {
    const text = decodeURIComponent(segment)
    // A job's id has encoded slashes, so what lies between them is looked at too.
    return text.split('/').some((part) => part === '.' || part === '..') ? refuse() : text
  } catch {
    return refuse()
  }
}

/** Of the raw request target; throws `path.invalid`. */
export const parseProxyPath = (url: string): ProxyPath => {
  const mark = url.indexOf('?')
  const path = mark === -1 ? url : url.slice(0, mark)
  const search = mark === -1 ? '' : url.slice(mark + 1)
  const [empty, prefix, account, ...rest] = path.split('/')
  if (empty !== '' || prefix !== 'u' || account === undefined || rest.length === 0) return refuse()
  if (!accountPattern.test(account) || !queryPattern.test(search)) return refuse()
  return {
    account,
    target: `/${rest.join('/')}${mark === -1 ? '' : `?${search}`}`,
    segments: rest.map(decode),
    query: new URLSearchParams(search),
  }
}

/** A job's id within its account: `workflow//cycle/task/NN`. */
export type JobId = { readonly workflow: string; readonly cycle: string; readonly task: string }

export const parseJobId = (account: string, id: string): JobId | undefined => {
  const target = parseId(`~${account}/${id.replace(/\/[0-9]{2,}$/, '')}`)
  if (target?.workflow === undefined || target.cycle === undefined || target.task === undefined)
    return undefined
  return { workflow: target.workflow, cycle: target.cycle, task: target.task }
}

/**
 * What a path needs, as far as the hub can tell; the UI server decides again, and filters what it answers. Where
 * the path names no workflow, something in the account is enough to ask.
 */
export const wantsOf = ({ account, segments, query }: ProxyPath): Wants => {
  const [what, name, part] = segments
  const job = what === 'jobs' && name !== undefined ? parseJobId(account, name) : undefined
  if (job !== undefined) return { account, ...job, action: 'logs' }
  if (what === 'workflows' && name !== undefined)
    return { account, workflow: name, action: part === 'source' ? 'source' : 'view' }
  const workflow = query.get('workflow') ?? undefined
  const action = what === 'search' ? 'search' : 'view'
  return workflow === undefined ? { account, action, anywhere: true } : { account, workflow, action }
}
