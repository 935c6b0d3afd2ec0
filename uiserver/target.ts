/** Paths as they came over the wire: what could mean two things is refused rather than repaired. */
import { SeneschalError } from '../protocol/errors.ts'
import { parseId } from '../protocol/ids.ts'
import type { JobName } from '../protocol/jobs.ts'

export type RequestTarget = { readonly segments: readonly string[]; readonly query: URLSearchParams }

const plain = /^(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})+$/
const longestTarget = 4096

const decode = (segment: string): string => {
  let text: string
  try {
    text = decodeURIComponent(plain.test(segment) ? segment : '%')
  } catch (cause) {
    throw new SeneschalError('path.invalid', undefined, { cause })
  }
  // A job's id has slashes of its own, so the parts between them are looked at.
  if (/[\\;%\p{Cc}]/u.test(text) || text.split('/').some((part) => part === '.' || part === '..'))
    throw new SeneschalError('path.invalid')
  return text
}

/** Throws `path.invalid`. */
export const parseTarget = (url: string): RequestTarget => {
  const mark = url.indexOf('?')
  const path = mark === -1 ? url : url.slice(0, mark)
  if (url.length > longestTarget || !path.startsWith('/')) throw new SeneschalError('path.invalid')
  return {
    segments: path.slice(1).split('/').map(decode),
    query: new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1)),
  }
}

/** `workflow//cycle/task/NN` within the account; undefined for anything else. */
export const parseJobKey = (key: string): JobName | undefined => {
  const match = /^(.+)\/((?:0[1-9]|[1-9][0-9]{1,5}))$/.exec(key)
  const target = match === null ? undefined : parseId(`~a/${match[1]}`)
  if (target?.workflow === undefined || target.cycle === undefined || target.task === undefined)
    return undefined
  return {
    workflow: target.workflow,
    cycle: target.cycle,
    task: target.task,
    submit: Number(match?.[2]),
  }
}
