/** Paths below `/u/`: whose UI server is meant, what it is asked for, and what that takes. */
import { SeneschalError } from '../../protocol/errors.ts'
import { accountPattern } from '../../protocol/ids.ts'
import { parseJobKey } from '../../protocol/jobs.ts'
import { parseTarget, type RequestTarget } from '../../wire/target.ts'
import type { Wants } from '../context.ts'

export type ProxyPath = RequestTarget & {
  readonly account: string
  /** What the UI server is asked for: path and query, beginning with `/`, byte for byte. */
  readonly target: string
}

/** Of the raw request target; throws `path.invalid`. */
export const parseProxyPath = (url: string): ProxyPath => {
  const [, account = '', target = ''] = /^\/u\/([^/?]*)(\/.*)$/s.exec(url) ?? []
  if (!accountPattern.test(account)) throw new SeneschalError('path.invalid')
  return { account, target, ...parseTarget(target) }
}

/**
 * What a path needs, as far as the hub can tell; the UI server decides again, and filters what it answers. Where
 * the path names no workflow, something in the account is enough to ask.
 */
export const wantsOf = ({ account, segments, query }: ProxyPath): Wants => {
  const [what, name, part] = segments
  const job = what === 'jobs' && name !== undefined ? parseJobKey(name) : undefined
  if (job !== undefined) {
    const { workflow, cycle, task } = job
    return { account, workflow, cycle, task, action: 'logs' }
  }
  if (what === 'workflows' && name !== undefined)
    return { account, workflow: name, action: part === 'source' ? 'source' : 'view' }
  const workflow = query.get('workflow') ?? undefined
  const action = what === 'search' ? 'search' : 'view'
  return workflow === undefined ? { account, action, anywhere: true } : { account, workflow, action }
}
