/** Requests as the daemon remembers them: what waits, what was answered, and what is still shown. */
import { actions } from '../protocol/actions/registry.ts'
import type { PluginIdentity } from '../protocol/plugins.ts'
import type { RequestRow } from '../protocol/rows.ts'
import { grantLifetime } from '../protocol/tokens.ts'
import type { Accepted, Outcome } from './events.ts'
import { createGrantedAnswers, type GrantedAnswers } from './granted-answers.ts'

/** A request is named by who wrote its file and its id: nobody else can take a name away. */
export const requestKey = (uid: number, id: string): string => `${uid}:${id}`

/** Without the reason, which stands in the feed: nobody who asks the same again is told it from here. */
export type Answer = Omit<Outcome, 'reason'> & {
  readonly id: string
  readonly uid: number
  readonly at: number
}

export type Requests = {
  /** Taken up and not answered. */
  readonly waiting: Map<string, { readonly request: Accepted; readonly at: number }>
  /** Answers to granted requests: each grant is used once. */
  readonly granted: GrantedAnswers
  /** Uid → answers to its own requests, the oldest first: whoever asks much makes the daemon forget nobody else's. */
  readonly own: Map<number, Map<string, Answer>>
  /** Ids whose public status belongs to a uid; those of answered granted requests stand with their answers. */
  readonly names: Map<string, number>
  /** Rows of answered requests that stand in each account's feed, and in the site's, the oldest first. */
  readonly shown: Map<string, Map<string, RequestRow>>
  readonly shownAtSite: Map<string, RequestRow>
}

export const createRequests = (granted: GrantedAnswers = createGrantedAnswers()): Requests => ({
  waiting: new Map(),
  granted,
  own: new Map(),
  names: new Map(),
  shown: new Map(),
  shownAtSite: new Map(),
})

/**
 * A grant that is used again later than this is stale anyway, whatever it asks for: so its id need not be remembered.
 * A minute is for clocks that differ.
 */
const grantMemoryMs =
  Math.max(...Object.values(actions).map(({ notAfter }) => notAfter)) + grantLifetime + 60_000
/** Answers to be had again by asking again: the latest to granted requests, and to the own ones of one account. */
const mostAnswers = 20_000
/** The same for a user who is no account. More than can be in work at once, so a restart does nothing twice. */
const mostOfStranger = 1000
const shownPerAccount = 200
const shownPerSite = 1000

export const known = (
  requests: Requests,
  uid: number,
  id: string,
): { readonly waiting: true } | { readonly waiting: false; readonly answer: Answer } | undefined => {
  const key = requestKey(uid, id)
  if (requests.waiting.has(key)) return { waiting: true }
  const answer = requests.own.get(uid)?.get(key) ?? requests.granted.find(uid, id)
  return answer === undefined ? undefined : { waiting: false, answer }
}

/** The uid that came first with an id. */
export const ownerOfName = ({ names, granted }: Requests, id: string): number | undefined =>
  names.get(id) ?? granted.ownerOf(id)

/** Whoever came first with an id has the public name; others get one of their own. */
export const publicName = (
  requests: Requests,
  { id, uid }: { readonly id: string; readonly uid: number },
): string => (ownerOfName(requests, id) === uid ? id : `${id}-${uid}`)

/** Names in `2_processing` of requests that wait. */
export const waitingNames = (requests: Requests): ReadonlySet<string> =>
  new Set([...requests.waiting.values()].map(({ request }) => publicName(requests, request)))

const forgetOldest = (requests: Requests, table: Map<string, Answer>, most: number): void => {
  for (const [key, answer] of table) {
    if (table.size <= most) return
    table.delete(key)
    if (requests.names.get(answer.id) === answer.uid) requests.names.delete(answer.id)
  }
}

/** Its name goes with it, if it has that. */
export const addGrantedAnswer = (requests: Requests, { id, uid, state, code, at }: Answer): void => {
  const isNamed = requests.names.get(id) === uid
  requests.granted.add({ id, uid, state, code, at, isNamed })
  if (isNamed) requests.names.delete(id)
}

/** The one who owns them answers for their number: nobody's are forgotten for another's. */
export const addOwnAnswer = (requests: Requests, answer: Answer): Map<string, Answer> => {
  const table = requests.own.get(answer.uid) ?? new Map<string, Answer>()
  requests.own.set(answer.uid, table)
  return table.set(requestKey(answer.uid, answer.id), answer)
}

/** Remembers an answer, and forgets the oldest ones. */
export const remember = (
  requests: Requests,
  request: Accepted,
  { id, uid, state, code, at }: Answer,
): void => {
  requests.waiting.delete(requestKey(uid, id))
  const answer = { id, uid, state, code, at }
  if (request.via === 'web') {
    addGrantedAnswer(requests, answer)
    requests.granted.forget({ before: at - grantMemoryMs, least: mostAnswers })
    return
  }
  const most = request.stranger === true ? mostOfStranger : mostAnswers
  forgetOldest(requests, addOwnAnswer(requests, answer), most)
}

export const presentRequest = (
  request: Accepted,
  at: number,
  outcome: Outcome | undefined,
  plugin?: PluginIdentity,
): RequestRow => ({
  id: request.id,
  account: request.ask.account,
  action: request.ask.action,
  workflow: request.ask.workflow ?? null,
  cycle: request.ask.cycle ?? null,
  task: request.ask.task ?? null,
  person: request.person,
  via: request.via,
  state: outcome?.state ?? 'waiting',
  code: outcome?.code ?? null,
  reason: outcome?.reason ?? null,
  ...(plugin === undefined ? {} : { plugin }),
  at,
})

/** Adds an answered row to what is shown; returns the key that makes room for it. */
const show = (table: Map<string, RequestRow>, row: RequestRow, most: number): string | undefined => {
  table.delete(row.id)
  table.set(row.id, row)
  const [oldest] = table.keys()
  if (table.size <= most || oldest === undefined) return undefined
  table.delete(oldest)
  return oldest
}

export const showAtAccount = (requests: Requests, row: RequestRow): string | undefined => {
  const table = requests.shown.get(row.account) ?? new Map<string, RequestRow>()
  requests.shown.set(row.account, table)
  return show(table, row, shownPerAccount)
}

export const showAtSite = (requests: Requests, row: RequestRow): string | undefined =>
  show(requests.shownAtSite, row, shownPerSite)
