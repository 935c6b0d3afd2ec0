/** What an action is. One object serves the gate, the daemon, menus, forms, the command line, audit and docs. */
import type { z } from 'zod/mini'
import { classOf, type PermissionAction, type PermissionClass } from '../permissions.ts'

/** What an action can be about. */
export type Level = 'account' | 'workflow' | 'task'

/** Whether an argument's value stands in the audit log, only that it was given, or neither. */
export type AuditRule = 'keep' | 'hide' | 'skip'

export type Action<Args = Readonly<Record<string, unknown>>> = {
  readonly name: PermissionAction
  readonly class: PermissionClass
  readonly on: readonly Level[]
  /** Past tense, as it stands in the audit sentence: `User jacintar SENTENCE atmosphere_stage.clouds workflow`. */
  readonly sentence: string
  /** Imperative, as it stands on a button. */
  readonly label: string
  /** One sentence that says exactly what will happen. */
  readonly effect: string
  /** Asks before it is sent. */
  readonly destructive: boolean
  /** The object of arguments, strict. */
  readonly args: z.ZodMiniType<Args>
  readonly audit: { readonly [K in keyof Args]-?: AuditRule }
  /** It has a page and a command of its own: menus and the generic command leave it out. */
  readonly apart: boolean
  /** A request that could not be applied within this time of being granted ends as `request.stale`, ms. */
  readonly notAfter: number
}

type Definition<Args> = Omit<Action<Args>, 'class' | 'destructive' | 'apart' | 'notAfter'> & {
  readonly destructive?: boolean
  readonly apart?: boolean
  readonly notAfter?: number
}

const defaultNotAfter = 5 * 60_000

/** Registry entry of an action; the permission of the same name decides who may do it. */
export const defineAction = <Args>(definition: Definition<Args>): Action<Args> => ({
  destructive: false,
  apart: false,
  notAfter: defaultNotAfter,
  ...definition,
  class: classOf(definition.name),
})
