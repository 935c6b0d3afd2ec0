/**
 * From a click on an action to its request: raise first where that is needed, ask where it is destructive or
 * needs arguments, then send. What was wanted survives the way to the identity provider in this tab, and is
 * only ever asked again afterwards, never done by itself.
 */
import { signal } from '@preact/signals'
import { z } from 'zod/mini'
import { type ActionName, actionOf, isActionName } from '../../protocol/actions/registry.ts'
import { elevateAnswer } from '../../protocol/api.ts'
import { accountName, cyclePoint, taskName, workflowName } from '../../protocol/ids.ts'
import { covers, type ElevationClass, elevationFor } from '../../protocol/permissions.ts'
import { here } from '../router.ts'
import { forgetDrafts } from './layers.ts'
import { type ActionTarget, sendAction } from './requests.ts'
import { api, elevationClass, viewer } from './session.ts'
import { parseStored } from './stored.ts'

export type Args = Readonly<Record<string, unknown>>
export type Wanted = {
  readonly action: ActionName
  readonly target: ActionTarget
  /** What was entered already: an end of privileges on the way loses none of it. */
  readonly args?: Args | undefined
}

export type DialogState =
  | {
      readonly kind: 'raise'
      readonly class: ElevationClass
      readonly wanted: Wanted | undefined
      readonly note?: string
    }
  | { readonly kind: 'confirm'; readonly wanted: Wanted; readonly returned: boolean }
  | {
      readonly kind: 'explain'
      readonly account: string
      readonly workflow: string
      readonly action: string | undefined
    }
  | undefined

export const dialog = signal<DialogState>(undefined)
export const closeDialog = () => {
  dialog.value = undefined
}

const needsArguments = (action: ActionName, target: ActionTarget) =>
  action === 'set' || action === 'edit' || (action === 'stop' && target.task === undefined)

export const begin = (wanted: Wanted): void => {
  const action = actionOf(wanted.action)
  const raise = covers(elevationClass.peek(), action.class) ? undefined : elevationFor(action.class)
  if (raise !== undefined) dialog.value = { kind: 'raise', class: raise, wanted }
  else if (action.destructive || needsArguments(wanted.action, wanted.target)) {
    dialog.value = { kind: 'confirm', wanted, returned: false }
  } else void perform(wanted, {})
}

export const perform = async (wanted: Wanted, args: Args): Promise<void> => {
  closeDialog()
  const refused = await sendAction(wanted.action, wanted.target, args)
  // Somebody who has begun something else meanwhile is not interrupted.
  if (dialog.peek() !== undefined) return
  const entered = needsArguments(wanted.action, wanted.target) ? { ...wanted, args } : wanted
  if (refused === 'elevation.required' || refused === 'elevation.ended') {
    const needed = elevationFor(actionOf(wanted.action).class)
    if (needed !== undefined)
      dialog.value = {
        kind: 'raise',
        class: needed,
        wanted: entered,
        note: 'Your raised privileges have ended.',
      }
  } else if (refused !== undefined && refused !== 'permission.denied' && entered.args !== undefined)
    dialog.value = { kind: 'confirm', wanted: entered, returned: false }
}

/** Out of the question whether to raise: back to what was entered, where there is something. */
export const leaveRaise = (wanted: Wanted | undefined): void => {
  dialog.value = wanted?.args === undefined ? undefined : { kind: 'confirm', wanted, returned: false }
}

const storageKey = 'seneschal.wanted'
const stored = z.strictObject({
  person: z.string(),
  action: z.string(),
  target: z.strictObject({
    account: accountName,
    workflow: workflowName,
    cycle: z.optional(cyclePoint),
    task: z.optional(taskName),
  }),
  args: z.optional(z.record(z.string(), z.unknown())),
})

/** Goes to the identity provider; the promise only settles where that did not work. */
export const raise = async (
  to: {
    readonly class: ElevationClass
    readonly reason: string
    /** Undefined: as long as the site allows. */
    readonly minutes: number | undefined
  },
  wanted: Wanted | undefined,
): Promise<void> => {
  const { location: provider } = await api.post(
    '/auth/elevate',
    {
      class: to.class,
      return: here(),
      ...(to.reason === '' ? {} : { reason: to.reason }),
      ...(to.minutes === undefined ? {} : { minutes: to.minutes }),
    },
    elevateAnswer,
  )
  if (wanted === undefined) sessionStorage.removeItem(storageKey)
  else {
    sessionStorage.setItem(storageKey, JSON.stringify({ person: viewer.peek()?.person ?? '', ...wanted }))
  }
  location.assign(provider)
}

/** For whoever signs out: what they entered is nobody else's. */
export const forgetWanted = (): void => {
  sessionStorage.removeItem(storageKey)
  forgetDrafts()
}

/**
 * After the way back: asks again what was wanted, if it is the same person and privileges were really raised. What was
 * entered comes back also where they were not.
 */
export const resumeWanted = (): void => {
  const text = sessionStorage.getItem(storageKey)
  sessionStorage.removeItem(storageKey)
  if (text === null) return
  const parsed = stored.safeParse(parseStored(text))
  if (!parsed.success || parsed.data.person !== viewer.peek()?.person) return
  const { action, target, args } = parsed.data
  if (!isActionName(action)) return
  const isRaised = covers(elevationClass.peek(), actionOf(action).class)
  if (!isRaised && args === undefined) return
  const { account, workflow, cycle, task } = target
  dialog.value = {
    kind: 'confirm',
    returned: isRaised,
    wanted: {
      action,
      ...(args === undefined || !actionOf(action).args.safeParse(args).success ? {} : { args }),
      target: {
        account,
        workflow,
        ...(cycle === undefined ? {} : { cycle }),
        ...(task === undefined ? {} : { task }),
      },
    },
  }
}
