/**
 * The rules of permissions said once more, in another way: written down as rules of CASL, where a later rule wins
 * over an earlier one, and where rules are about subjects with conditions. Nothing of policy/ is used.
 */
import { createMongoAbility, type MongoAbility, type RawRuleOf, subject } from '@casl/ability'
import type { Question, Who } from '../../policy/types.ts'
import {
  catalogue,
  type PermissionAction,
  type PermissionSnapshot,
  type Rules,
} from '../../protocol/permissions.ts'

type Rule = RawRuleOf<MongoAbility>
type Where = { readonly account?: string; readonly workflow?: string }

const classes = Object.entries(catalogue).map(
  ([name, actions]) => [name, Object.keys(actions) as PermissionAction[]] as const,
)
const allActions = classes.flatMap(([, actions]) => actions)

/** The names somebody goes by, as rules write them. */
export const namesOf = (who: Who, owns: boolean): ReadonlySet<string> =>
  new Set(
    who.kind === 'account'
      ? [`account:${who.account}`]
      : [
          'everyone',
          `user:${who.name}`,
          ...who.groups.map((group) => `group:${group}`),
          ...(owns ? ['owner'] : []),
        ],
  )

const isNamed = (list: readonly string[], names: ReadonlySet<string>, mark = '') =>
  list.some((entry) => entry.startsWith(mark) && names.has(entry.slice(mark.length)))
export const isIn = (list: readonly string[], names: ReadonlySet<string>) =>
  isNamed(list, names) && !isNamed(list, names, '!')

/** The list of a layer that is about an action: its own, else its class's; notes fall back to what execute says. */
const listFor = (rules: Rules, action: PermissionAction): readonly string[] | undefined => {
  const [name] = classes.find(([, actions]) => actions.includes(action)) ?? []
  if (name === undefined || name === 'own') return undefined
  const entries: Readonly<Record<string, readonly string[] | undefined>> = rules
  return [name === 'note' ? 'execute' : name, name, action]
    .map((key) => entries[key])
    .findLast((list) => list !== undefined)
}

const layerRules = (rules: Rules, names: ReadonlySet<string>, conditions: Where): readonly Rule[] =>
  allActions.flatMap((action): Rule[] => {
    const list = listFor(rules, action)
    if (list === undefined) return []
    const about = { action, subject: 'Workflow', conditions }
    return [
      ...(list.includes('inherit') ? [] : [{ ...about, inverted: true }]),
      ...(isNamed(list, names) ? [about] : []),
      ...(isNamed(list, names, '!') ? [{ ...about, inverted: true }] : []),
    ]
  })

/** What nobody gets whom the limits do not name. */
const limitRules = (rules: Rules, names: ReadonlySet<string>, conditions: Where): readonly Rule[] =>
  allActions.flatMap((action): Rule[] => {
    const list = listFor(rules, action)
    return list === undefined || isIn(list, names)
      ? []
      : [{ action, subject: 'Workflow', conditions, inverted: true }]
  })

const accountRules = (snapshot: PermissionSnapshot, who: Who, account: string): readonly Rule[] => {
  const entry = snapshot.accounts[account]
  if (entry === undefined) return []
  const owns = who.kind === 'person' && isIn(entry.owners, namesOf(who, false))
  const names = namesOf(who, owns)
  const here = { subject: 'Workflow', conditions: { account } }
  const isAdmin = who.kind === 'person' && isIn(snapshot.roles.admin, names)
  const isItself = who.kind === 'account' && who.account === account
  const layers = [
    ...layerRules(snapshot.site.rules, names, { account }),
    ...layerRules(entry.layer?.rules ?? {}, names, { account }),
    ...Object.entries(entry.workflows).flatMap(([workflow, { rules }]) =>
      layerRules(rules, names, { account, workflow }),
    ),
    ...(owns ? [{ ...here, action: 'manage' }] : []),
    ...limitRules(snapshot.limits.rules, names, { account }),
  ]
  const itself: readonly Rule[] = [{ ...here, action: 'manage', inverted: entry.cli === 'refuse' }]
  return [
    ...(isItself ? itself : layers),
    { ...here, action: 'permissions', inverted: !(owns || isAdmin) },
    ...(snapshot.locks.accounts.includes(account) ? [{ ...here, action: 'manage', inverted: true }] : []),
  ]
}

/** Everything that somebody may do anywhere, as one ability. */
export const oracle = (
  snapshot: PermissionSnapshot,
  who: Who,
): ((question: Omit<Question, 'who'>) => boolean) => {
  const ability = createMongoAbility([
    ...Object.keys(snapshot.accounts).flatMap((account) => accountRules(snapshot, who, account)),
    ...(who.kind === 'person' && snapshot.locks.persons.includes(who.name)
      ? [{ action: 'manage', subject: 'Workflow', inverted: true }]
      : []),
  ])
  return ({ action, account, workflow }) => {
    const about = subject('Workflow', { account, workflow })
    return ability.can('view', about) && ability.can(action, about)
  }
}
