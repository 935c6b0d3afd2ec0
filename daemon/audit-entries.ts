/** Which events are recorded in the audit log, and as what. One record each, never two. */
import { actionOf } from '../protocol/actions/registry.ts'
import type { AuditEntry } from '../protocol/audit.ts'
import { nameOfWindow } from './control/standstill.ts'
import type { Accepted, DaemonEvent, Outcome } from './events.ts'
import type { Run } from './plugins/runs.ts'
import { requestKey } from './requests.ts'
import type { DaemonState } from './state.ts'
import { toldArgs } from './told-args.ts'

/** Arguments as their action's rules leave them; null where nothing is left to tell. */
const auditArgs = ({ ask }: Accepted): Readonly<Record<string, unknown>> | null => {
  const told = toldArgs(ask.args, actionOf(ask.action).audit)
  return Object.keys(told).length === 0 ? null : told
}

/** Which code ran with what; only the plugin itself says what of its arguments may be kept. */
const runArgs = (request: Accepted, run: Run | undefined): Record<string, unknown> => ({
  plugin: run === undefined ? (request.ask.plugin ?? null) : `${run.plugin.name}@${run.plugin.version}`,
  ...(run === undefined ? {} : { digest: run.plugin.digest }),
  args: run?.told ?? auditArgs(request) ?? {},
})

const ofRequest = (request: Accepted, outcome: Outcome, run: Run | undefined): AuditEntry => ({
  event: outcome.state === 'done' ? 'action.done' : 'action.not-done',
  outcome: outcome.state,
  code: outcome.code,
  person: request.person,
  session: request.session,
  account: request.ask.account,
  workflow: request.ask.workflow ?? null,
  cycle: request.ask.cycle ?? null,
  task: request.ask.task ?? null,
  action: request.ask.action,
  args: request.ask.action === 'submit' ? runArgs(request, run) : auditArgs(request),
  reason: outcome.reason ?? request.reason,
  request: request.id,
  anchor: request.anchor ?? null,
})

/** Asked before the event is applied: a request is forgotten as one that waits once it is answered. */
export const auditOf = (state: DaemonState, event: DaemonEvent): AuditEntry | undefined => {
  switch (event.kind) {
    case 'daemon':
      return { event: event.what === 'started' ? 'daemon.started' : 'daemon.stopped', outcome: 'done' }
    case 'restored':
      return {
        event: 'daemon.restored',
        outcome: 'done',
        tail: `from a backup of ${new Date(event.made).toISOString()}`,
      }
    case 'drain':
      return { event: event.on ? 'daemon.drained' : 'daemon.resumed', outcome: 'done' }
    case 'maintenance': {
      const { window } = event
      return {
        event: `maintenance.${event.what}`,
        outcome: 'done',
        tail: `of ${nameOfWindow(window)} until ${new Date(window.until).toISOString()}`,
        account: window.scope === 'account' ? window.name : null,
        reason: window.reason,
        args: { window: window.id, from: window.from, until: window.until },
      }
    }
    case 'locks': {
      const { origin, version, told, request } = event
      return {
        event: 'locks.changed',
        outcome: 'done',
        tail: told === '' ? '(nothing)' : told,
        args: { origin, version },
        ...(request === undefined ? {} : { request }),
      }
    }
    case 'permissions':
      return { event: 'permissions.changed', outcome: 'done', tail: `to version ${event.version}` }
    case 'configuration-refused':
      return {
        event: 'configuration.refused',
        outcome: 'refused',
        code: 'config.invalid',
        reason: event.reason.slice(0, 1000),
      }
    case 'definition-problem':
      return event.problem === null || event.request !== undefined
        ? undefined
        : {
            event: 'configuration.refused',
            outcome: 'refused',
            code: 'workflow.invalid',
            account: event.account,
            workflow: event.workflow,
            reason: event.problem.slice(0, 1000),
          }
    case 'done': {
      const key = requestKey(event.uid, event.id)
      const waiting = state.requests.waiting.get(key)
      return waiting === undefined
        ? undefined
        : ofRequest(waiting.request, event.outcome, state.runs.byRequest.get(key))
    }
    case 'plugin-activated': {
      const { name, version, digest } = event.plugin
      return { event: 'plugin.activated', outcome: 'done', tail: `${name}@${version}`, args: { digest } }
    }
    case 'file-refused':
      return {
        event: 'request.file-refused',
        outcome: 'refused',
        code: event.code,
        account: event.account,
        reason: event.uid === null ? event.reason : `uid ${event.uid}: ${event.reason}`,
      }
    default:
      return undefined
  }
}
