/** Actions on a task instance; `stop` also serves a whole workflow. */
import { z } from 'zod/mini'
import { defineAction } from './define.ts'

const none = z.strictObject({})

export const stop = defineAction({
  name: 'stop',
  on: ['task', 'workflow'],
  sentence: 'stopped',
  label: 'Stop',
  effect:
    'A task is held and its job killed, without counting as failed. A workflow starts no more jobs and ends.',
  destructive: true,
  args: z.strictObject({
    /** Workflow only: `clean` waits for running jobs, `now` does not. */
    mode: z.optional(z.enum(['clean', 'now'])),
  }),
  audit: { mode: 'keep' },
})

export const start = defineAction({
  name: 'start',
  on: ['task'],
  sentence: 'started',
  label: 'Start',
  effect: 'The task is released and runs now.',
  args: none,
  audit: {},
})

export const hold = defineAction({
  name: 'hold',
  on: ['task', 'workflow'],
  sentence: 'held',
  label: 'Hold',
  effect: 'It does not start until it is released; a running job goes on.',
  args: none,
  audit: {},
})

export const release = defineAction({
  name: 'release',
  on: ['task', 'workflow'],
  sentence: 'released',
  label: 'Release',
  effect: 'It may start again.',
  args: none,
  audit: {},
})

export const trigger = defineAction({
  name: 'trigger',
  on: ['task'],
  sentence: 'triggered',
  label: 'Trigger now',
  effect: 'The task runs now, whatever it was waiting for.',
  args: none,
  audit: {},
})

export const kill = defineAction({
  name: 'kill',
  on: ['task'],
  sentence: 'killed',
  label: 'Kill job',
  effect: 'The job is killed and counts as failed; the task is held.',
  destructive: true,
  args: none,
  audit: {},
})

export const poll = defineAction({
  name: 'poll',
  on: ['task'],
  sentence: 'polled',
  label: 'Poll job',
  effect: 'The runner is asked how the job is.',
  args: none,
  audit: {},
})

export const set = defineAction({
  name: 'set',
  on: ['task'],
  sentence: 'set outputs of',
  label: 'Set outputs',
  effect: 'The outputs count as completed, and what depends on them may run.',
  destructive: true,
  args: z.strictObject({
    outputs: z.readonly(z.array(z.string().check(z.regex(/^[a-z][a-z0-9-]{0,63}$/))).check(z.maxLength(100))),
  }),
  audit: { outputs: 'keep' },
})

export const remove = defineAction({
  name: 'remove',
  on: ['task'],
  sentence: 'removed',
  label: 'Remove',
  effect: 'The instance is taken out; nothing that depends on it will run because of it.',
  destructive: true,
  args: none,
  audit: {},
})

export const edit = defineAction({
  name: 'edit',
  on: ['workflow', 'task'],
  sentence: 'edited settings of',
  label: 'Edit settings',
  effect: 'Coming runs use these settings.',
  args: z.strictObject({
    /** Variables of the job; null takes one away. */
    environment: z
      .record(
        z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/)),
        z.nullable(z.string().check(z.maxLength(4096), z.regex(/^[^\0]*$/, 'holds a NUL'))),
      )
      .check(
        z.refine((variables) => Object.keys(variables).length <= 100, {
          error: () => 'at most 100 variables at once',
        }),
      ),
  }),
  audit: { environment: 'hide' },
})
