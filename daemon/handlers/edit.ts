import { environmentLimit, sizeOfEnvironment } from '../../protocol/jobs.ts'
import { done, type Handler, refuse, withWorkflow } from './handler.ts'

/** Variables of coming jobs, of one task or of all; they outlive a reload. */
export const edit: Handler<'edit'> = (request, args, desk) =>
  withWorkflow(request, desk, ({ account, workflow, definition, environment, taskEnvironment }) => {
    const { cycle, task } = request.ask
    if (cycle !== undefined) return refuse('input.invalid', 'Settings are those of a task in all cycles.')
    if (task !== undefined && definition?.compiled.tasks.has(task) !== true)
      return refuse('task.unknown', `There is no task ${task}.`)
    const reserved = Object.keys(args.environment).find((name) => name.startsWith('SENESCHAL_'))
    if (reserved !== undefined) return refuse('args.invalid', `${reserved} is set by the site.`)
    const before = task === undefined ? environment : taskEnvironment.get(task)
    // What was edited adds up, and has to reach the job in one piece.
    if (sizeOfEnvironment({ ...before, ...args.environment }) > environmentLimit)
      return refuse(
        'args.invalid',
        `Together with former edits, that is larger than ${environmentLimit} characters.`,
      )
    return done([
      {
        kind: 'environment',
        at: desk.now(),
        account,
        workflow,
        ...(task === undefined ? {} : { task }),
        change: args.environment,
        request: request.id,
      },
    ])
  })
