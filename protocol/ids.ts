/** Names and ids: their grammar, parsing and formatting. Everything else treats them as opaque strings. */
import { z } from 'zod/mini'

/** POSIX portable user name, as useradd takes it: never begins with `-`, no dots, at most 32 characters. */
export const accountPattern = /^[a-z_][a-z0-9_-]{0,31}$/
const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/
const cyclePattern = /^[0-9][0-9TZ]{0,31}$/
export const personPattern = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$/
const kioskPersonPattern = /^kiosk:[a-z0-9]{1,32}$/
const requestPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

export const accountName = z.string().check(z.regex(accountPattern))
export const workflowName = z.string().check(z.regex(namePattern))
export const taskName = z.string().check(z.regex(namePattern))
/** As the host sees it whose path it is. */
export const absolutePath = z.string().check(z.regex(/^\/[^\0]*$/), z.maxLength(4096))
/** An integer, or an ISO 8601 basic UTC label such as `20261122T0600Z`. */
export const cyclePoint = z.string().check(z.regex(cyclePattern))
export const personName = z.string().check(z.regex(personPattern))
/** A person, or `kiosk:ID`, which no person can be called. */
export const viewerName = z.union([personName, z.string().check(z.regex(kioskPersonPattern))])
/** A UUID; the product makes version 7, so that ids sort by time. */
export const requestId = z.string().check(z.regex(requestPattern))

/** What an action is about: an account, or one thing within it, each level needing those before it. */
export type Target = {
  readonly account: string
  readonly workflow?: string | undefined
  readonly cycle?: string | undefined
  readonly task?: string | undefined
}

/** `~account/workflow//cycle/task`, shortened to the levels that are there (as Cylc 8 writes ids). */
export const formatId = (target: Target): string => {
  let id = `~${target.account}`
  if (target.workflow !== undefined) id += `/${target.workflow}`
  if (target.cycle !== undefined) id += `//${target.cycle}`
  if (target.task !== undefined) id += `/${target.task}`
  return id
}

/** The reverse of `formatId`; undefined for anything that is not exactly such an id. */
export const parseId = (id: string): Target | undefined => {
  const match = /^~([^/]+)(?:\/([^/]+)(?:\/\/([^/]+)(?:\/([^/]+))?)?)?$/.exec(id)
  if (match === null) return undefined
  const [, account, workflow, cycle, task] = match
  if (account === undefined || !accountPattern.test(account)) return undefined
  if (workflow !== undefined && !namePattern.test(workflow)) return undefined
  if (cycle !== undefined && !cyclePattern.test(cycle)) return undefined
  if (task !== undefined && !namePattern.test(task)) return undefined
  return { account, workflow, cycle, task }
}

/** `account.workflow.task.cycle`, the order that audit sentences use. */
export const dottedId = (target: Target): string =>
  [target.account, target.workflow, target.task, target.cycle].filter((part) => part !== undefined).join('.')

/** `workflow//cycle/task`: the key of a task instance within its account. */
export const instanceKey = (workflow: string, cycle: string, task: string): string =>
  `${workflow}//${cycle}/${task}`

/** `workflow//cycle/task/NN`: the id of one job (one submission) within its account; NN is two digits or more. */
export const jobKey = (workflow: string, cycle: string, task: string, submit: number): string =>
  `${workflow}//${cycle}/${task}/${String(submit).padStart(2, '0')}`
