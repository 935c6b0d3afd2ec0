/** Random policies and questions about them: few names, so that rules meet those whom they are about. */
import fc from 'fast-check'
import type { Question, Who } from '../../policy/types.ts'
import {
  type Layer,
  type PermissionSnapshot,
  type Principals,
  permissionActions,
  type RuleKey,
  type Rules,
  ruleKeys,
} from '../../protocol/permissions.ts'

export const personNames = ['jacintar', 'mel', 'oliver', 'pat'] as const
export const groupNames = ['unix/atm-ops', 'ldap/atm-ops', 'oidc/ops', 'oidc/site-admins'] as const
export const accountNames = ['atmosphere_stage', 'oceans_stage'] as const
export const workflowNames = ['clouds', 'currents'] as const

const somebody = [
  'everyone',
  'owner',
  ...personNames.map((name) => `user:${name}`),
  ...groupNames.map((name) => `group:${name}`),
  ...accountNames.map((name) => `account:${name}`),
]
const denied = somebody.filter((name) => name !== 'everyone').map((name) => `!${name}`)

export const principalsOf = (inherit: boolean): fc.Arbitrary<Principals> =>
  fc.uniqueArray(fc.constantFrom(...somebody, ...denied, ...(inherit ? ['inherit'] : [])), { maxLength: 4 })

/** Half of the keys concern few actions, so that a class and its actions often stand in one layer. */
const often: readonly RuleKey[] = ['read', 'view', 'execute', 'stop', 'write', 'edit', 'note', 'annotate']

export const rulesOf = (inherit = true): fc.Arbitrary<Rules> =>
  fc
    .uniqueArray(
      fc.tuple(fc.oneof(fc.constantFrom(...often), fc.constantFrom(...ruleKeys)), principalsOf(inherit)),
      { maxLength: 4, selector: ([key]) => key },
    )
    .map((entries) => Object.fromEntries(entries))

export const layerOf = (rules: Rules, file: string): Layer => ({
  rules,
  source: { file, lines: Object.fromEntries(Object.keys(rules).map((key, index) => [key, index + 1])) },
})

const accountEntry = fc.record({
  owners: principalsOf(false).map((list) => list.filter((one) => !/owner|everyone/.test(one))),
  cli: fc.constantFrom('allow' as const, 'refuse' as const),
  layer: fc.option(
    rulesOf().map((rules) => layerOf(rules, 'account.yaml')),
    { nil: undefined },
  ),
  workflows: fc.dictionary(
    fc.constantFrom(...workflowNames),
    rulesOf().map((rules) => layerOf(rules, 'workflow.yaml')),
  ),
})

/** Mostly without locks: a locked site has one answer. */
const few = (names: readonly string[]) =>
  fc.oneof({ weight: 9, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.subarray([...names]) })

export const snapshots: fc.Arbitrary<PermissionSnapshot> = fc.record({
  v: fc.constant(1 as const),
  version: fc.constant(1),
  at: fc.constant(0),
  site: rulesOf().map((rules) => layerOf(rules, 'site.yaml')),
  limits: fc.oneof(
    fc.constant(layerOf({}, 'site.yaml')),
    rulesOf().map((rules) => layerOf(rules, 'site.yaml')),
  ),
  roles: fc.record({
    admin: fc.constant(['group:oidc/site-admins']),
    auditor: fc.constant(['user:oliver']),
    developer: fc.constant([]),
  }),
  accounts: fc
    .tuple(accountEntry, accountEntry)
    .map(([first, second]) => ({ [accountNames[0]]: first, [accountNames[1]]: second })),
  locks: fc.record({ persons: few(personNames), accounts: few(accountNames), hosts: fc.constant([]) }),
})

export const persons: fc.Arbitrary<Who> = fc.record({
  kind: fc.constant('person' as const),
  name: fc.constantFrom(...personNames),
  groups: fc.subarray([...groupNames]),
})

export const anybody: fc.Arbitrary<Who> = fc.oneof(
  { weight: 4, arbitrary: persons },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('account' as const),
      account: fc.constantFrom(...accountNames),
    }),
  },
)

export const questions: fc.Arbitrary<Question> = fc.record({
  who: anybody,
  action: fc.constantFrom(...permissionActions),
  account: fc.constantFrom(...accountNames),
  workflow: fc.option(fc.constantFrom(...workflowNames), { nil: undefined }),
})
