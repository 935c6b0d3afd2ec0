import { oneOffWorkflow } from '../plugins/one-off-job.ts'
import { runOfJob } from '../plugins/runs.ts'
import { done, type Handler, onInstance, refuse, throughEngine } from './handler.ts'

/** A run of a plugin is named by its request: all of it ends, whichever job was meant. */
const killRun: Handler<'kill'> = ({ id: request, ask }, _args, desk) => {
  const run = runOfJob(desk.state.runs, ask.account, { task: ask.task ?? '' })
  if (run === undefined) return refuse('instance.unknown', 'No such run is under way.')
  return done([{ kind: 'run-stopped', at: desk.now(), uid: run.uid, id: run.id, request }])
}

const killJob = throughEngine<'kill'>((request, _args, at) =>
  onInstance(request, (instance) => ({ kind: 'kill', at, ...instance })),
)

export const kill: Handler<'kill'> = (request, args, desk) =>
  (request.ask.workflow === oneOffWorkflow ? killRun : killJob)(request, args, desk)
