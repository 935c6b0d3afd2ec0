/** What of that which is read through the hub stands in the audit log: logs that were opened, and searches in them. */
import type { AuditEntry } from '../../protocol/audit.ts'
import { parseId } from '../../protocol/ids.ts'
import { parseJobKey } from '../../protocol/jobs.ts'
import type { ProxyPath } from './path.ts'

export type Reading = Pick<AuditEntry, 'event' | 'workflow' | 'cycle' | 'task' | 'tail'>

const longestTail = 300

const opened = (id: string, file: string): Reading => {
  const job = parseJobKey(id)
  if (job === undefined) return { event: 'log.opened', tail: `${id} ${file}`.slice(0, longestTail) }
  const { workflow, cycle, task } = job
  return { event: 'log.opened', workflow, cycle, task, tail: file.slice(0, longestTail) }
}

const searched = ({ account, query }: ProxyPath): Reading => {
  const workflow = query.get('workflow') || undefined
  const isNamed = workflow !== undefined && parseId(`~${account}/${workflow}`) !== undefined
  const where = ['cycle', 'task'].flatMap((name) => (query.get(name) ? `${name} ${query.get(name)}` : []))
  const how = query.get('regex') === '1' ? 'expression' : 'text'
  const tail = [...where, `for the ${how} ${JSON.stringify(query.get('text') ?? '')}`].join(' ')
  return { event: 'log.searched', ...(isNamed ? { workflow } : {}), tail: tail.slice(0, longestTail) }
}

/** Undefined for what is not recorded. */
export const readingOf = (path: ProxyPath): Reading | undefined => {
  const [what, id, logs, file] = path.segments
  if (what === 'search') return searched(path)
  if (what !== 'jobs' || id === undefined || logs !== 'logs' || file === undefined) return undefined
  return opened(id, file)
}
