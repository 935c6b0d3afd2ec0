/** What an action's handler is: from a request that is allowed to the events that do it, or why it is refused. */

import type { z } from 'zod/mini'
import { judge } from '../../engine/judge.ts'
import type { Who } from '../../policy/types.ts'
import type { ActionName, actions } from '../../protocol/actions/registry.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { PermissionSnapshot } from '../../protocol/permissions.ts'
import type { Accepted, DaemonEvent, StoredEngineEvent } from '../events.ts'
import type { DaemonState } from '../state.ts'
import type { Workflow } from '../workflow.ts'

export type Plan =
  | {
      readonly ok: true
      readonly events: readonly DaemonEvent[]
      /** Once it is on disk and published. */
      readonly afterwards?: () => void
      /** It is not answered yet: what the events began ends it later. */
      readonly goesOn?: true
      /** For the person who asked: what was not done of it, and why. */
      readonly note?: string
    }
  | {
      readonly ok: false
      readonly code: ErrorCode
      readonly reason: string
      readonly events?: readonly DaemonEvent[]
    }

export type Desk = {
  readonly state: DaemonState
  readonly now: () => number
  /** As in force. */
  readonly permissions: () => PermissionSnapshot
  /** The definition's text as it lies in its file; throws `workflow.invalid` where it cannot be read. */
  readonly readDefinition: (account: string, workflow: string) => Promise<string>
  /** Its layer and its text are to be published. */
  readonly definitionChanged: () => void
  /** Asks the account's hosts how its jobs are, now. */
  readonly pollJobs: (account: string) => void
  /** Begins a plugin run, if there is such a plugin. */
  readonly beginRun: (request: Accepted) => Plan
}

export type ArgsOf<Name extends ActionName> = z.infer<(typeof actions)[Name]['args']>

export type Handler<Name extends ActionName> = (
  request: Accepted,
  args: ArgsOf<Name>,
  desk: Desk,
) => Plan | Promise<Plan>

export const refuse = (code: ErrorCode, reason: string): Plan => ({ ok: false, code, reason })

export const done = (events: readonly DaemonEvent[], afterwards?: () => void): Extract<Plan, { ok: true }> =>
  afterwards === undefined ? { ok: true, events } : { ok: true, events, afterwards }

export const whoOf = ({ person, groups, ask }: Accepted): Who =>
  person === null ? { kind: 'account', account: ask.account } : { kind: 'person', name: person, groups }

/** The workflow that the request is about, with an engine; else the refusal. */
export const withWorkflow = <T extends Plan | Promise<Plan>>(
  { ask }: Accepted,
  { state }: Desk,
  work: (flow: Workflow & { readonly engine: NonNullable<Workflow['engine']> }) => T,
): T | Plan => {
  const flow = state.workflows.get(ask.account)?.get(ask.workflow ?? '')
  if (flow === undefined) return refuse('workflow.unknown', 'There is no such workflow.')
  if (flow.engine === undefined)
    return refuse('workflow.invalid', flow.problem ?? 'Its definition was never right.')
  return work(flow as Workflow & { readonly engine: NonNullable<Workflow['engine']> })
}

/** A handler that puts one event to the engine, if the engine sees sense in it. */
export const throughEngine =
  <Name extends ActionName>(
    event: (request: Accepted, args: ArgsOf<Name>, at: number) => StoredEngineEvent | Plan,
  ): Handler<Name> =>
  (request, args, desk) =>
    withWorkflow(request, desk, ({ engine, account, workflow }) => {
      const at = desk.now()
      const made = event(request, args, at)
      if (!('kind' in made)) return made
      const judgement = judge(engine, made)
      if (!judgement.ok) return refuse(judgement.code, judgement.detail)
      return done([{ kind: 'engine', at, account, workflow, event: made, request: request.id }])
    })

type Instance = { readonly cycle: string; readonly task: string }

/** Cycle and task of a request about one instance. */
export const onInstance = <T>({ ask }: Accepted, make: (at: Instance) => T): T | Plan =>
  ask.cycle === undefined || ask.task === undefined
    ? refuse('input.invalid', 'It needs a cycle and a task.')
    : make({ cycle: ask.cycle, task: ask.task })
