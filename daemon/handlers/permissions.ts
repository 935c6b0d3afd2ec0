/** Permissions by request: what is in force is replaced whole, by somebody who saw it. */
import { parseLayer } from '../../config/layer.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { type Rules, ruleKeys } from '../../protocol/permissions.ts'
import { createLayerVersions, inForce, type LayerVersions, versionOf } from '../layer-versions.ts'
import { findWorkflow } from '../state.ts'
import { type ArgsOf, done, type Handler, type Plan, refuse } from './handler.ts'

const noRules: Rules = {}

const listed = (list: readonly string[] | undefined): string =>
  list === undefined ? 'not said' : list.length === 0 ? 'nobody' : list.join(', ')

/** What became another, key by key, for people. */
const difference = (before: Rules, after: Rules): string =>
  ruleKeys
    .filter((key) => listed(before[key]) !== listed(after[key]))
    .map((key) => `${key}: ${listed(before[key])} → ${listed(after[key])}`)
    .join('; ')

const rulesOf = (text: string | null | undefined): Rules => {
  if (text === null || text === undefined) return noRules
  try {
    return parseLayer(text, '').rules
  } catch (thrown) {
    // Of a former version of the product: whatever it said, it is replaced.
    if (thrown instanceof SeneschalError) return noRules
    throw thrown
  }
}

/** The text that is asked for, or why there is none. */
const textOf = (
  { text, restore }: ArgsOf<'permissions'>,
  { kept }: LayerVersions,
): { readonly text: string | null } | Plan => {
  if (text !== undefined) return { text }
  const found = kept.find(({ version }) => version === restore)
  return found === undefined
    ? refuse('permissions.unknown', `Version ${restore} is not kept.`)
    : { text: found.text }
}

export const permissions: Handler<'permissions'> = (request, args, desk) => {
  const { account, workflow = null } = request.ask
  const { state } = desk
  const flow = workflow === null ? undefined : findWorkflow(state, account, workflow)
  if (workflow !== null && flow?.definition === undefined)
    return refuse('workflow.invalid', flow?.problem ?? 'Its definition was never right.')
  const versions = flow?.versions ?? state.layers.get(account) ?? createLayerVersions()
  const now = inForce(versions)
  if (args.base !== versionOf(versions))
    return refuse(
      'permissions.changed',
      `Version ${versionOf(versions)} is in force${now?.person == null ? '' : `, by ${now.person}`}.`,
    )
  const asked = textOf(args, versions)
  if ('ok' in asked) return asked
  let rules: Rules
  try {
    rules = asked.text === null ? noRules : parseLayer(asked.text, 'permissions').rules
  } catch (thrown) {
    if (!(thrown instanceof SeneschalError)) throw thrown
    return refuse('permissions.invalid', thrown.detail ?? thrown.message)
  }
  if ((now?.text ?? null) === asked.text)
    return { ...done([]), note: `Version ${args.base} says the same and stays in force.` }
  const event = {
    ...({ kind: 'layer', at: desk.now(), account, workflow, origin: 'request' } as const),
    ...{ person: request.person, request: request.id, from: args.restore ?? null, text: asked.text },
  }
  const told = difference(rulesOf(now?.text), rules)
  const note = `Version ${args.base + 1}: ${told === '' ? 'the same rules, written otherwise' : told}.`
  return { ...done([event], desk.definitionChanged), note }
}
