/** A workflow in which something broke stands still, so that everything else can go on. */
import { serialise } from '../engine/snapshot.ts'
import { applyProblem, type Workflow, type WorkflowChange } from './workflow.ts'

/** Takes its engine away, as it is: without one, nothing happens to it and every action is refused with the reason. */
export const quarantine = (flow: Workflow, why: string, at: number): WorkflowChange => {
  const { definition, engine } = flow
  if (definition !== undefined && engine !== undefined)
    flow.unread = { engine: serialise(engine), text: definition.text }
  flow.engine = undefined
  return applyProblem(flow, `It stands still, because something broke in it: ${why}`, at)
}
