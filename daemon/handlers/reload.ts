import { judge } from '../../engine/judge.ts'
import { decide } from '../../policy/decide.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import type { Accepted } from '../events.ts'
import { isFirst, newIncarnation } from '../incarnation.ts'
import { asksForOthers, tellWaiting } from '../layers.ts'
import { tryDefinition } from '../state.ts'
import { type Desk, done, type Handler, type Plan, refuse, whoOf } from './handler.ts'

/** Who may write a definition may not thereby decide who may do what. */
const maySetLayers = (request: Accepted, desk: Desk): boolean => {
  const { account, workflow } = request.ask
  return decide(desk.permissions(), { who: whoOf(request), action: 'permissions', account, workflow }).allowed
}

/** The definition as it lies in its file now, if it is right and fits what has run. */
export const reload: Handler<'reload'> = async (request, _args, desk) => {
  const { id, ask } = request
  const { account, workflow = '' } = ask
  const flow = desk.state.workflows.get(account)?.get(workflow)
  if (flow === undefined) return refuse('workflow.unknown', 'There is no such workflow.')
  const refused = (problem: string): Plan => ({
    ok: false,
    code: 'workflow.invalid',
    reason: problem,
    events: [{ kind: 'definition-problem', at: desk.now(), account, workflow, problem, request: id }],
  })
  let text: string
  try {
    text = await desk.readDefinition(account, workflow)
  } catch (thrown) {
    if (thrown instanceof SeneschalError) return refused(thrown.detail ?? thrown.message)
    throw thrown
  }
  const read = tryDefinition(text, account, workflow)
  if (typeof read === 'string') return refused(read)
  const at = desk.now()
  if (flow.engine !== undefined) {
    const judgement = judge(flow.engine, { kind: 'reload', at, workflow: read.compiled })
    if (!judgement.ok) return refused(judgement.detail)
  }
  const keepsLayer = asksForOthers(flow, read.layer) && !maySetLayers(request, desk)
  const taken = {
    ...({
      kind: 'definition',
      at,
      account,
      workflow,
      text,
      by: { person: request.person, request: id },
    } as const),
    ...(isFirst(flow) ? { incarnation: newIncarnation() } : {}),
  }
  const plan = done([keepsLayer ? { ...taken, keepsLayer } : taken], desk.definitionChanged)
  const notes = [...(keepsLayer ? [tellWaiting(account, workflow, read.layer)] : []), ...read.warnings]
  return notes.length === 0 ? plan : { ...plan, note: notes.join('\n') }
}
