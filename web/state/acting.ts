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
import { type ActionTarget, sendAction } from './requests.ts'
import { api, elevationClass, viewer } from './session.ts'

export type Wanted = { readonly action: ActionName; readonly target: ActionTarget }

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

export const perform = async (wanted: Wanted, args: Readonly<Record<string, unknown>>): Promise<void> => {
  closeDialog()
  const refused = await sendAction(wanted.action, wanted.target, args)
  if (refused !== 'elevation.required' && refused !== 'elevation.ended') return
  const needed = elevationFor(actionOf(wanted.action).class)
  if (needed !== undefined) {
    dialog.value = { kind: 'raise', class: needed, wanted, note: 'Your raised privileges have ended.' }
  }
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
})

/** Goes to the identity provider; the promise only settles where that did not work. */
export const raise = async (
  to: ElevationClass,
  reason: string,
  wanted: Wanted | undefined,
): Promise<void> => {
  const { location: provider } = await api.post(
    '/auth/elevate',
    { class: to, return: here(), ...(reason === '' ? {} : { reason }) },
    elevateAnswer,
  )
  if (wanted === undefined) sessionStorage.removeItem(storageKey)
  else {
    sessionStorage.setItem(storageKey, JSON.stringify({ person: viewer.peek()?.person ?? '', ...wanted }))
  }
  location.assign(provider)
}

/** After the way back: asks again what was wanted, if privileges were really raised and it is the same person. */
export const resumeWanted = (): void => {
  const text = sessionStorage.getItem(storageKey)
  sessionStorage.removeItem(storageKey)
  if (text === null) return
  const parsed = stored.safeParse(JSON.parse(text))
  if (!parsed.success || parsed.data.person !== viewer.peek()?.person) return
  const { action, target } = parsed.data
  if (!isActionName(action) || !covers(elevationClass.peek(), actionOf(action).class)) return
  const { account, workflow, cycle, task } = target
  dialog.value = {
    kind: 'confirm',
    returned: true,
    wanted: {
      action,
      target: {
        account,
        workflow,
        ...(cycle === undefined ? {} : { cycle }),
        ...(task === undefined ? {} : { task }),
      },
    },
  }
}
