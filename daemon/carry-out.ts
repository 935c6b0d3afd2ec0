/** Whether a request may be applied now, and what applying it is. The order of the questions is that of the gate. */
import { decide } from '../policy/decide.ts'
import type { Decision } from '../policy/types.ts'
import { tellDecision } from '../policy/words.ts'
import type { Action } from '../protocol/actions/define.ts'
import { actionOf, levelOf } from '../protocol/actions/registry.ts'
import type { ErrorCode } from '../protocol/errors.ts'
import { covers, type PermissionSnapshot } from '../protocol/permissions.ts'
import type { Accepted, DaemonEvent, Outcome } from './events.ts'
import { type Desk, type Handler, type Plan, whoOf } from './handlers/handler.ts'
import { handlers } from './handlers/registry.ts'
import { oneOffWorkflow } from './plugins/one-off-job.ts'
import { findWorkflow } from './state.ts'

export type CarriedOut = {
  /** The last of them is the outcome, if there is one. */
  readonly events: readonly DaemonEvent[]
  /** undefined: the request goes on by itself. */
  readonly outcome: Outcome | undefined
  readonly afterwards?: () => void
}

type Refusal = {
  readonly state: 'refused' | 'stale'
  readonly code: ErrorCode
  readonly reason: string | null
}

const denied = (code: ErrorCode, decision: Decision): Refusal => ({
  state: 'refused',
  code: decision.layer === 'lock' ? 'lock.held' : code,
  reason: tellDecision(decision),
})

/** What is hidden from somebody is refused as what does not exist. */
const objection = (request: Accepted, desk: Desk, snapshot: PermissionSnapshot): Refusal | undefined => {
  const { ask } = request
  if (desk.now() > request.notAfter) return { state: 'stale', code: 'request.stale', reason: null }
  // There is no policy about somebody who is no account: the plugin's own rule decides, and nothing else can be asked.
  if (request.stranger === true)
    return ask.action === 'submit' ? undefined : { state: 'refused', code: 'permission.denied', reason: null }
  const question = { who: whoOf(request), account: ask.account, workflow: ask.workflow }
  const seen = decide(snapshot, { ...question, action: 'view' })
  const hidden: ErrorCode = ask.workflow === undefined ? 'account.unknown' : 'workflow.unknown'
  if (!seen.allowed && seen.layer === 'lock') return denied(hidden, seen)
  if (!seen.allowed && request.via === 'cli') return denied('grant.missing', seen)
  if (!seen.allowed) return { state: 'refused', code: hidden, reason: null }
  const isThere =
    ask.workflow === undefined ||
    ask.workflow === oneOffWorkflow ||
    findWorkflow(desk.state, ask.account, ask.workflow) !== undefined
  if (!isThere) return { state: 'refused', code: hidden, reason: null }
  const decision = decide(snapshot, { ...question, action: ask.action })
  if (!decision.allowed) return denied('permission.denied', decision)
  if (request.via === 'web' && !covers(request.elevation ?? undefined, decision.class))
    return { state: 'refused', code: 'elevation.required', reason: null }
  return undefined
}

const plan = (request: Accepted, desk: Desk): Plan | Promise<Plan> => {
  const { ask } = request
  const action: Action = actionOf(ask.action)
  if (!action.on.includes(levelOf(ask)))
    return { ok: false, code: 'input.invalid', reason: `It is done to: ${action.on.join(', ')}.` }
  const args = action.args.safeParse(ask.args)
  if (!args.success)
    return {
      ok: false,
      code: 'args.invalid',
      reason: args.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '),
    }
  // The registry's type ties each handler to its action's arguments; a lookup by a name in data cannot.
  const handler = handlers[ask.action] as Handler<never>
  return handler(request, args.data as never, desk)
}

const finish = (request: Accepted, desk: Desk, result: Plan): CarriedOut => {
  if (result.ok && result.goesOn === true) return { events: result.events, outcome: undefined }
  const outcome: Outcome = result.ok
    ? { state: 'done', code: null, reason: result.note?.slice(0, 1000) ?? null }
    : { state: 'refused', code: result.code, reason: result.reason.slice(0, 1000) }
  return conclude(request, desk, outcome, result.events ?? [], result.ok ? result.afterwards : undefined)
}

const conclude = (
  { uid, id }: Accepted,
  desk: Desk,
  outcome: Outcome,
  events: readonly DaemonEvent[] = [],
  afterwards?: () => void,
): CarriedOut => ({
  events: [...events, { kind: 'done', at: desk.now(), uid, id, outcome }],
  outcome,
  ...(afterwards === undefined ? {} : { afterwards }),
})

/** Decides at once, except where a file has to be read first. */
export const carryOut = (
  request: Accepted,
  desk: Desk,
  snapshot: PermissionSnapshot,
): CarriedOut | Promise<CarriedOut> => {
  const refused = objection(request, desk, snapshot)
  if (refused !== undefined) return conclude(request, desk, refused)
  const planned = plan(request, desk)
  return planned instanceof Promise
    ? planned.then((result) => finish(request, desk, result))
    : finish(request, desk, planned)
}
