import { done, type Handler, withWorkflow } from './handler.ts'

/** Changes nothing by itself: what the host answers comes as any other news of a job. */
export const poll: Handler<'poll'> = (request, _args, desk) =>
  withWorkflow(request, desk, ({ account }) => done([], () => desk.pollJobs(account)))
