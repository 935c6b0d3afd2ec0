/** My requests from the click to the outcome: pushed by the stream of the account, asked for where it is silent. */
import { signal } from '@preact/signals'
import { type ActionName, actionOf } from '../../protocol/actions/registry.ts'
import { actionAnswer, requestBody } from '../../protocol/api.ts'
import type { RequestState } from '../../protocol/requests.ts'
import type { RequestRow } from '../../protocol/rows.ts'
import { cycleLabel } from '../model/order.ts'
import { asApiError, sentenceOf } from './api.ts'
import { hubNow } from './clock.ts'
import { notify } from './notices.ts'
import { api, loadSession } from './session.ts'
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
  /** `sending` until the hub took it. */
  readonly state: RequestState | 'sending'
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

const outcomeText = (sent: Sent): string => {
  const what = `${actionOf(sent.action).label} ${nameOf(sent.target)}`
  return sent.state === 'stale' ? `${what}: came too late` : `${what}: ${sent.state}`
}

const settle = (sent: Sent, state: RequestState, code: string | undefined, reason: string | undefined) => {
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

type Waiting = { sent: Sent; cancel: () => void }
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

const askUntilSettled = (id: string, delay: number) => {
  const timer = setTimeout(async () => {
    if (!waiting.has(id)) return
    try {
      const body = await api.get(`/api/requests/${encodeURIComponent(id)}`, requestBody)
      settleById(id, body.state, body.code, body.reason)
    } catch (thrown) {
      const error = asApiError(thrown)
      if (error.status === 404 || error.status === 401) {
        settleById(id, 'failed', error.code, error.message)
      }
    }
    if (waiting.has(id)) askUntilSettled(id, Math.min(mostBetween, delay * 1.5))
  }, delay)
  const held = waiting.get(id)
  if (held !== undefined) held.cancel = () => clearTimeout(timer)
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
    waiting.set(request, { sent: taken, cancel: () => undefined })
    const known = early.get(request)
    if (known === undefined) askUntilSettled(request, firstAsk)
    else settleById(request, known.state, known.code, known.reason)
    return undefined
  } catch (thrown) {
    const error = asApiError(thrown)
    settle(sent, 'refused', error.code, error.message)
    if (error.code.startsWith('elevation.')) await loadSession()
    if (error.code === 'permission.denied') void loadAllowed()
    return error.code
  }
}
