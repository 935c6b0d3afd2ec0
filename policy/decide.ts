/**
 * The one decision function. Hub, UI server and daemon call it with the same snapshot and get the same answer.
 *
 * The most specific layer that names the action, or else its class, decides alone; silent layers are skipped;
 * nobody named anywhere = refused. Owners of an account pass the layers. Limits are intersected last.
 * Everything needs `view` too.
 */
import {
  classOf,
  elevationFor,
  type Layer,
  type PermissionAction,
  type PermissionSnapshot,
  type Principals,
  type RuleKey,
} from '../protocol/permissions.ts'
import { consult } from './principals.ts'
import { isAdmin, isOwner } from './roles.ts'
import { withinScope } from './scope.ts'
import type { DecidingLayer, Decision, Question, Who } from './types.ts'

type Found = { readonly key: RuleKey; readonly list: Principals }

/** Keys that may decide about an action, the most specific first. Notes fall back to what execute says. */
const findKeys = (action: PermissionAction): readonly RuleKey[] => {
  const named = classOf(action)
  if (action === 'permissions' || named === 'own') return []
  return named === 'note' ? [action, named, 'execute'] : [action, named]
}
/** Asked for at each layer of each decision, always the same. */
const keys = new Map<PermissionAction, readonly RuleKey[]>()
const keysOf = (action: PermissionAction): readonly RuleKey[] => {
  const known = keys.get(action)
  if (known !== undefined) return known
  const found = findKeys(action)
  keys.set(action, found)
  return found
}

const find = (layer: Layer | undefined, keys: readonly RuleKey[]): Found | undefined => {
  if (layer === undefined) return undefined
  for (const key of keys) {
    const list = layer.rules[key]
    if (list !== undefined) return { key, list }
  }
  return undefined
}

type Ruling = {
  readonly allowed: boolean
  readonly reason: string
  readonly layer?: DecidingLayer
  readonly source?: Layer | undefined
  readonly rule?: RuleKey
  readonly principal?: string
}

const decision = (action: PermissionAction, ruling: Ruling): Decision => ({
  allowed: ruling.allowed,
  class: classOf(action),
  elevation: elevationFor(classOf(action)),
  layer: ruling.layer,
  file: ruling.source?.source.file,
  line: ruling.rule === undefined ? undefined : ruling.source?.source.lines[ruling.rule],
  rule: ruling.rule,
  principal: ruling.principal,
  reason: ruling.reason,
})

const nameOf = (who: Who): string => (who.kind === 'person' ? who.name : `account ${who.account}`)

const layersOf = (snapshot: PermissionSnapshot, entry: AccountEntry, question: Question) => {
  const workflow =
    question.workflow !== undefined && Object.hasOwn(entry.workflows, question.workflow)
      ? entry.workflows[question.workflow]
      : undefined
  return [
    ['workflow', workflow],
    ['account', entry.layer],
    ['site', snapshot.site],
  ] as const
}
type AccountEntry = PermissionSnapshot['accounts'][string]

/** What all rulings of one decision have in common. */
type Standing = {
  readonly entry: AccountEntry
  readonly owner: boolean
  readonly layers: ReturnType<typeof layersOf>
}

const byLayers = ({ layers, owner }: Standing, question: Question, action: PermissionAction): Ruling => {
  const wanted = keysOf(action)
  for (const [layer, source] of layers) {
    const found = find(source, wanted)
    if (found === undefined) continue
    const verdict = consult(found.list, question.who, owner)
    if (verdict.says === 'silent' && verdict.inherit) continue
    const said = { layer, source, rule: found.key }
    if (verdict.says === 'allow')
      return {
        ...said,
        allowed: true,
        principal: verdict.principal,
        reason: `The ${layer} layer allows ${found.key} to ${verdict.principal}.`,
      }
    if (verdict.says === 'deny')
      return {
        ...said,
        allowed: false,
        principal: verdict.principal,
        reason: `The ${layer} layer denies ${found.key} to ${verdict.principal.slice(1)}.`,
      }
    return {
      ...said,
      allowed: false,
      reason: `The ${layer} layer allows ${found.key} to others, not to ${nameOf(question.who)}.`,
    }
  }
  return { allowed: false, reason: `No layer allows ${action} to anybody.` }
}

const lockOf = (snapshot: PermissionSnapshot, question: Question): string | undefined => {
  const { who } = question
  if (who.kind === 'person' && snapshot.locks.persons.includes(who.name))
    return `An administrator locked ${who.name}.`
  if (snapshot.locks.accounts.includes(question.account))
    return `An administrator locked ${question.account}.`
  return undefined
}

/** Where whoever asks stands in the account, or what refuses them whatever they ask for. */
const standingOf = (snapshot: PermissionSnapshot, question: Question): Standing | Ruling => {
  const locked = lockOf(snapshot, question)
  if (locked !== undefined) return { allowed: false, layer: 'lock', reason: locked }
  const entry = Object.hasOwn(snapshot.accounts, question.account)
    ? snapshot.accounts[question.account]
    : undefined
  if (entry === undefined) return { allowed: false, reason: 'There is no such account.' }
  const owner = isOwner(snapshot, question.who, question.account)
  return { entry, owner, layers: layersOf(snapshot, entry, question) }
}

/** About `action`, which need not be the question's own. */
const rule = (
  snapshot: PermissionSnapshot,
  standing: Standing,
  question: Question,
  action: PermissionAction,
): Ruling => {
  const { entry, owner } = standing

  if (classOf(action) === 'own') {
    if (owner)
      return { allowed: true, layer: 'owner', reason: `${nameOf(question.who)} owns ${question.account}.` }
    return isAdmin(snapshot, question.who)
      ? { allowed: true, layer: 'site', reason: `${nameOf(question.who)} is a site administrator.` }
      : {
          allowed: false,
          layer: 'owner',
          reason: 'Only owners of the account and site administrators may do this.',
        }
  }
  // The account's own uid can do all this to its own processes anyway; the site decides whether we help.
  if (question.who.kind === 'account' && question.who.account === question.account)
    return entry.cli === 'allow'
      ? { allowed: true, layer: 'owner', reason: 'The account acts for itself.' }
      : { allowed: false, layer: 'owner', reason: 'The account takes requests of persons only.' }

  const ruling: Ruling = owner
    ? {
        allowed: true,
        layer: 'owner',
        principal: 'owner',
        reason: `${nameOf(question.who)} owns ${question.account}.`,
      }
    : byLayers(standing, question, action)
  if (!ruling.allowed) return ruling

  const limit = find(snapshot.limits, keysOf(action))
  if (limit === undefined) return ruling
  const verdict = consult(limit.list, question.who, owner)
  if (verdict.says === 'allow') return ruling
  return {
    allowed: false,
    layer: 'limits',
    source: snapshot.limits,
    rule: limit.key,
    reason: `The site limits ${limit.key} to ${limit.list.join(', ') || 'nobody'}, whatever else allows it.`,
  }
}

/** Whether somebody may ever do something, and why. Elevation comes on top: see `Decision.elevation`. */
export const decide = (snapshot: PermissionSnapshot, question: Question): Decision => {
  const { action } = question
  if (!withinScope(question))
    return decision(action, {
      allowed: false,
      layer: 'token',
      reason: `This token is not for ${action} there.`,
    })
  const standing = standingOf(snapshot, question)
  if ('allowed' in standing) return decision(action, standing)
  if (action !== 'view') {
    const seen = rule(snapshot, standing, question, 'view')
    if (!seen.allowed) return decision(action, seen)
  }
  return decision(action, rule(snapshot, standing, question, action))
}
