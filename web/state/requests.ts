/** My requests from the click to the outcome: pushed by the stream of the account, asked for where it is silent. */
import { signal } from '@preact/signals'
import { z } from 'zod/mini'
import { type ActionName, actionOf } from '../../protocol/actions/registry.ts'
import { actionAnswer, requestBody } from '../../protocol/api.ts'
import type { RequestState } from '../../protocol/requests.ts'
import type { RequestRow } from '../../protocol/rows.ts'
import { cycleLabel } from '../model/order.ts'
import { type ApiError, asApiError, sentenceOf } from './api.ts'
import { hubNow } from './clock.ts'
import { notify } from './notices.ts'
import { api, loadSession, viewer } from './session.ts'
import { loadAllowed } from './site.ts'

export type ActionTarget = {
  readonly account: string
  readonly workflow: string
  readonly cycle?: string
  readonly task?: string
}
export type Sent = {
  readonly action: ActionName
  readonly target: ActionTarget
  readonly at: number
  /** `sending` until the hub took it; `unknown` where it may have, and its answer was lost. */
  readonly state: RequestState | 'sending' | 'unknown'
  readonly code: string | undefined
  readonly reason: string | undefined
  readonly settledAt: number | undefined
}

export const targetKey = (target: ActionTarget): string =>
  `${target.account}/${target.workflow}//${target.cycle ?? ''}/${target.task ?? ''}`

/** The latest of my requests on each target. */
export const latest = signal<ReadonlyMap<string, Sent>>(new Map())

export const nameOf = (target: ActionTarget): string =>
  target.task === undefined
    ? `${target.account}/${target.workflow}`
    : `${target.task} ${cycleLabel(target.cycle ?? '')}`

const update = (target: ActionTarget, sent: Sent) => {
  latest.value = new Map(latest.peek()).set(targetKey(target), sent)
}

/** How long an outcome stays on its row, ms. */
const shownFor = { done: 8_000, other: 30_000 } as const

const forget = (target: ActionTarget, sent: Sent) => {
  if (latest.peek().get(targetKey(target)) !== sent) return
  const next = new Map(latest.peek())
  next.delete(targetKey(target))
  latest.value = next
}

export const outcomeWords: Readonly<Record<Sent['state'], string>> = {
  sending: '…',
  waiting: '…',
  done: 'done',
  refused: 'refused',
  failed: 'failed',
  stale: 'came too late',
  unknown: 'outcome not known',
}

const outcomeText = (sent: Sent): string => {
  const what = `${actionOf(sent.action).label} ${nameOf(sent.target)}`
  return `${what}: ${outcomeWords[sent.state]}`
}

const settle = (sent: Sent, state: Sent['state'], code: string | undefined, reason: string | undefined) => {
  if (sent.settledAt !== undefined || state === 'waiting') return
  const settled: Sent = { ...sent, state, code, reason: reason ?? sentenceOf(code), settledAt: hubNow() }
  update(sent.target, settled)
  const { account, workflow } = sent.target
  const explain = code === 'permission.denied' ? { action: sent.action, account, workflow } : undefined
  notify(
    state === 'done' ? 'good' : 'bad',
    outcomeText(settled),
    state === 'done' ? undefined : settled.reason,
    state === 'done' ? {} : { code, explain },
  )
  setTimeout(() => forget(sent.target, settled), state === 'done' ? shownFor.done : shownFor.other)
}

type Waiting = {
  readonly sent: Sent
  cancel: () => void
  /** Nobody said that it was taken: it is asked for until then, by `performance.now()`. */
  readonly doubtfulUntil?: number
}
const waiting = new Map<string, Waiting>()

const settleById = (id: string, state: RequestState, code?: string | null, reason?: string | null) => {
  const held = waiting.get(id)
  if (held === undefined || state === 'waiting') return
  waiting.delete(id)
  held.cancel()
  settle(held.sent, state, code ?? undefined, reason ?? undefined)
}

/** Outcomes whose request is not known here: other people's, and mine where the stream was faster than the answer. */
const early = new Map<string, RequestRow>()
const mostEarly = 200

/** A row of the account's stream. */
export const onRequestRow = (row: RequestRow): void => {
  if (waiting.has(row.id)) {
    settleById(row.id, row.state, row.code, row.reason)
    return
  }
  if (row.state === 'waiting') return
  early.set(row.id, row)
  const [oldest] = early.keys()
  if (early.size > mostEarly && oldest !== undefined) early.delete(oldest)
}

const firstAsk = 1_500
const mostBetween = 8_000

/** An answer that ends the asking: signed out, or no such request, unless that may still come. */
const giveUp = (id: string, { status, code, message }: ApiError) => {
  const { doubtfulUntil } = waiting.get(id) ?? {}
  if (doubtfulUntil === undefined) {
    if (status === 404 || status === 401) settleById(id, 'failed', code, message)
  } else if (status === 401 || performance.now() > doubtfulUntil) waiting.delete(id)
}

const askUntilSettled = (id: string, delay: number) => {
  const timer = setTimeout(async () => {
    if (!waiting.has(id)) return
    try {
      const body = await api.get(`/api/requests/${encodeURIComponent(id)}`, requestBody)
      settleById(id, body.state, body.code, body.reason)
    } catch (thrown) {
      giveUp(id, asApiError(thrown))
    }
    if (waiting.has(id)) askUntilSettled(id, Math.min(mostBetween, delay * 1.5))
  }, delay)
  const held = waiting.get(id)
  if (held !== undefined) held.cancel = () => clearTimeout(timer)
}

/** Waits for the outcome of a request, which may be faster than the answer to it. */
const expect = (id: string, held: Waiting): void => {
  waiting.set(id, held)
  const known = early.get(id)
  if (known === undefined) askUntilSettled(id, firstAsk)
  else settleById(id, known.state, known.code, known.reason)
}

/** Errors after which nobody here can say whether the request arrived. */
const losesAnswer: ReadonlySet<string> = new Set([
  'lost.connection',
  'tunnel.closed',
  'server.timeout',
  'server.bad-answer',
  'internal',
])
const unknownSentence = 'It may have been taken all the same: look at the audit log before you repeat it.'
/** How long the outcome of a request whose answer was lost is looked for, ms. */
const looksFor = 120_000
/** The hub's clock is known to about a second, ms. */
const clockSlack = 2_000

const intents = z.object({
  records: z.array(
    z.object({
      action: z.nullable(z.string()),
      workflow: z.nullable(z.string()),
      cycle: z.nullable(z.string()),
      task: z.nullable(z.string()),
      request: z.nullable(z.string()),
    }),
  ),
})

/** The id of a request whose answer was lost: the hub recorded what was intended before it did anything. */
const findIntent = async ({ action, target, at }: Sent): Promise<string | undefined> => {
  const query = new URLSearchParams({
    person: viewer.peek()?.person ?? '',
    account: target.account,
    event: 'action.intended',
    since: String(at - clockSlack),
  })
  const { records } = await api.get(`/api/audit?${query}`, intents)
  const found = records.find(
    (record) =>
      record.action === action &&
      record.workflow === target.workflow &&
      record.cycle === (target.cycle ?? null) &&
      record.task === (target.task ?? null),
  )
  return found?.request ?? undefined
}

/** Looks for what became of a request whose answer was lost, for as long as that makes sense. */
const lookFor = (sent: Sent, until: number, delay = firstAsk): void => {
  setTimeout(async () => {
    // A hub that does not answer is asked again, like one that does not know of it yet.
    const id = await findIntent(sent).catch(() => undefined)
    if (id !== undefined) expect(id, { sent, cancel: () => undefined, doubtfulUntil: until })
    else if (performance.now() < until) lookFor(sent, until, Math.min(mostBetween, delay * 1.5))
  }, delay)
}

/** Sends one request. Returns the code of a refusal by the hub, so that the caller can offer what helps. */
export const sendAction = async (
  action: ActionName,
  target: ActionTarget,
  args: Readonly<Record<string, unknown>>,
): Promise<string | undefined> => {
  const { account, ...rest } = target
  const sent: Sent = {
    action,
    target,
    at: hubNow(),
    state: 'sending',
    code: undefined,
    reason: undefined,
    settledAt: undefined,
  }
  update(target, sent)
  try {
    const path = `/api/accounts/${encodeURIComponent(account)}/actions/${action}`
    const { request } = await api.post(path, { ...rest, args }, actionAnswer)
    const taken: Sent = { ...sent, state: 'waiting' }
    update(target, taken)
    expect(request, { sent: taken, cancel: () => undefined })
    return undefined
  } catch (thrown) {
    const error = asApiError(thrown)
    if (losesAnswer.has(error.code)) {
      settle(sent, 'unknown', error.code, `${error.message} ${unknownSentence}`)
      lookFor(sent, performance.now() + looksFor)
      return error.code
    }
    settle(sent, 'refused', error.code, error.message)
    if (error.code.startsWith('elevation.')) await loadSession()
    if (error.code === 'permission.denied') void loadAllowed()
    return error.code
  }
}
