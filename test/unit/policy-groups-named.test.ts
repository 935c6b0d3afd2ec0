import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decide } from '../../policy/decide.ts'
import { groupsNamed } from '../../policy/groups-named.ts'
import type { PermissionSnapshot, Principals, Rules } from '../../protocol/permissions.ts'
import { permissionActions, permissionSnapshot, ruleKeys } from '../../protocol/permissions.ts'

/** The same numbers each time: what failed fails again. */
const createRandom = (seed: number) => {
  let state = seed
  /** From 0, below `below`. */
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const groups = ['unix/ops', 'unix/staff', 'oidc/ops', 'oidc/site admins', 'ldap/contractors', 'oidc/unnamed']
const principals = [
  ...['everyone', 'owner', '!owner', 'inherit', 'user:mel', '!user:mel', 'account:b_c'],
  ...groups.slice(0, -1).flatMap((group) => [`group:${group}`, `!group:${group}`]),
]

const randomSnapshot = (random: (below: number) => number): PermissionSnapshot => {
  const pick = <T>(from: readonly T[]): readonly T[] =>
    Array.from({ length: random(4) }, () => from[random(from.length)] as T)
  const list = (): Principals => pick(principals)
  const layer = () => ({
    rules: Object.fromEntries(pick(ruleKeys).map((key) => [key, list()])) as Rules,
    source: { file: 'site.yaml', lines: {} },
  })
  const account = () => ({
    owners: list(),
    cli: 'refuse' as const,
    ...(random(2) === 0 ? {} : { layer: layer() }),
    workflows: random(2) === 0 ? {} : { clouds: layer() },
  })
  return permissionSnapshot.parse({
    v: 1,
    version: 1,
    at: 0,
    site: { ...layer(), rules: { ...layer().rules, read: ['everyone', ...list()] } },
    limits: layer(),
    roles: { admin: list(), auditor: list(), developer: list() },
    accounts: { a_b: account(), b_c: account() },
    locks: { persons: [], accounts: [], hosts: [] },
  })
}

test('with the groups that permissions name every decision is the one that all groups give', () => {
  const random = createRandom(7)
  let allowed = 0
  let less = 0
  const cases = 3000
  for (let round = 0; round < cases; round += 1) {
    const snapshot = randomSnapshot(random)
    const all = groups.filter(() => random(2) === 0)
    const named = all.filter((group) => groupsNamed(snapshot, 'a_b').has(group))
    less += named.length < all.length ? 1 : 0
    const name = random(2) === 0 ? 'mel' : 'jacintar'
    const action = permissionActions[random(permissionActions.length)] ?? 'view'
    const question = { action, account: 'a_b', workflow: random(2) === 0 ? 'clouds' : undefined }
    const [full, part] = [all, named].map((list) =>
      decide(snapshot, { ...question, who: { kind: 'person', name, groups: list } }),
    )
    assert.deepEqual(part, full, JSON.stringify({ snapshot, all, question }))
    allowed += full?.allowed === true ? 1 : 0
  }
  assert.ok(allowed > cases / 10 && allowed < (cases * 9) / 10, `${allowed} were allowed`)
  assert.ok(less > cases / 10, `${less} times something was left out`)
})

test('what another account names is not named for this one, nor is what is no group', () => {
  const layer = (rules: Rules) => ({ rules, source: { file: '', lines: {} } })
  const snapshot = {
    ...randomSnapshot(createRandom(1)),
    site: layer({ read: ['everyone', 'user:unix', 'account:a_b'] }),
    limits: layer({ write: ['!group:unix/limit'] }),
    roles: { admin: ['group:oidc/site admins'], auditor: [], developer: [] },
    accounts: {
      a_b: {
        owners: ['group:unix/own'],
        cli: 'refuse' as const,
        workflows: { clouds: layer({ kill: ['group:ldap/kill'] }) },
      },
      b_c: { owners: ['group:unix/other'], cli: 'refuse' as const, workflows: {} },
    },
  }
  const named = (account: string) => [...groupsNamed(snapshot, account)].sort()
  assert.deepEqual(named('a_b'), ['ldap/kill', 'oidc/site admins', 'unix/limit', 'unix/own'])
  assert.deepEqual(named('b_c'), ['oidc/site admins', 'unix/limit', 'unix/other'])
  assert.deepEqual(named('toString'), ['oidc/site admins', 'unix/limit'])
})
