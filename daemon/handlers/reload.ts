import { judge } from '../../engine/judge.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { tryDefinition } from '../state.ts'
import { done, type Handler, type Plan, refuse } from './handler.ts'

/** The definition as it lies in its file now, if it is right and fits what has run. */
export const reload: Handler<'reload'> = async ({ id, ask }, _args, desk) => {
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
  return done([{ kind: 'definition', at, account, workflow, text }], desk.definitionChanged)
}
