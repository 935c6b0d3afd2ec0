/**
 * Paths as they came over the wire, before anybody decoded or normalised them: the hub decides and records by them, the
 * UI server answers by them, so both read them here. What could mean two things is refused rather than repaired.
 */
import { SeneschalError } from '../protocol/errors.ts'

export type RequestTarget = {
  /** Decoded. A job's id is one of them, with slashes of its own. */
  readonly segments: readonly string[]
  readonly query: URLSearchParams
}

/** RFC 3986 `pchar` without `;`, which some servers cut at. */
const segmentPattern = /^(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})+$/
const queryPattern = /^(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*$/
/** What has no honest use in a path however it is encoded, and a dot that is. */
const dishonest = /[\\;%\p{Cc}]/u
const encodedDot = /%2e/i
const longest = 4096

const refuse = (cause?: unknown): never => {
  throw new SeneschalError('path.invalid', undefined, { cause })
}

const decode = (segment: string): string => {
  if (!segmentPattern.test(segment) || encodedDot.test(segment)) return refuse()
  let text: string
  try {
    text = decodeURIComponent(segment)
  } catch (cause) {
    return refuse(cause)
  }
  const isHonest = !dishonest.test(text) && text.split('/').every((part) => part !== '.' && part !== '..')
  return isHonest ? text : refuse()
}

/** Throws `path.invalid`. */
export const parseTarget = (url: string): RequestTarget => {
  const mark = url.indexOf('?')
  const path = mark === -1 ? url : url.slice(0, mark)
  const search = mark === -1 ? '' : url.slice(mark + 1)
  if (url.length > longest || !path.startsWith('/') || !queryPattern.test(search)) return refuse()
  return { segments: path.slice(1).split('/').map(decode), query: new URLSearchParams(search) }
}
