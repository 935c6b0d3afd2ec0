/** All actions that a request can ask for. */
import { submit } from './account.ts'
import type { Action, Level } from './define.ts'
import { permissions } from './permissions.ts'
import { edit, hold, kill, poll, release, remove, set, start, stop, trigger } from './task.ts'
import { workflowPause, workflowPlay, workflowReload, workflowResume } from './workflow.ts'

export const actions = {
  play: workflowPlay,
  pause: workflowPause,
  resume: workflowResume,
  reload: workflowReload,
  stop,
  start,
  hold,
  release,
  trigger,
  kill,
  poll,
  set,
  remove,
  edit,
  submit,
  permissions,
} as const

export type ActionName = keyof typeof actions
export const actionNames = Object.keys(actions) as readonly ActionName[]

export const isActionName = (name: string): name is ActionName => Object.hasOwn(actions, name)

/** The definition, its arguments' type widened: for callers that treat all actions alike. */
export const actionOf = (name: ActionName): Action => actions[name] as unknown as Action

export const levelOf = (target: {
  readonly workflow?: string | undefined
  readonly task?: string | undefined
}): Level => (target.task !== undefined ? 'task' : target.workflow !== undefined ? 'workflow' : 'account')
