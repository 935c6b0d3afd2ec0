import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decide } from '../../policy/decide.ts'
import { reduceFor } from '../../policy/reduce.ts'
import { isOwner, rolesOf } from '../../policy/roles.ts'
import type { Who } from '../../policy/types.ts'
import {
  type Layer,
  layer as layerSchema,
  type PermissionAction,
  type PermissionSnapshot,
  permissionActions,
  permissionSnapshot,
  type Rules,
  ruleKeys,
} from '../../protocol/permissions.ts'

const layer = (rules: Rules, file = 'site.yaml'): Layer => ({
  rules,
  source: { file, lines: Object.fromEntries(Object.keys(rules).map((key, index) => [key, index + 2])) },
})

const person = (name: string, ...groups: string[]): Who => ({ kind: 'person', name, groups })

const site = (change: {
  site?: Rules
  limits?: Rules
  account?: Rules
  workflow?: Rules
  owners?: string[]
  cli?: 'allow' | 'refuse'
  locks?: Partial<PermissionSnapshot['locks']>
}): PermissionSnapshot => ({
  v: 1,
  version: 1,
  at: 0,
  site: layer(change.site ?? { read: ['everyone'], execute: ['everyone'] }),
  limits: layer(change.limits ?? {}),
  roles: { admin: ['group:oidc/site-admins'], auditor: ['user:jacintar'], developer: [] },
  accounts: {
    atmosphere_stage: {
      owners: change.owners ?? [],
      cli: change.cli ?? 'refuse',
      ...(change.account === undefined ? {} : { layer: layer(change.account, 'account.yaml') }),
      workflows: change.workflow === undefined ? {} : { clouds: layer(change.workflow, 'workflow.yaml') },
    },
    oceans_stage: { owners: [], cli: 'allow', workflows: {} },
  },
  locks: { persons: [], accounts: [], hosts: [], ...change.locks },
})

const ask = (
  snapshot: PermissionSnapshot,
  who: Who,
  action: PermissionAction,
  workflow: string | undefined = 'clouds',
) => decide(snapshot, { who, action, account: 'atmosphere_stage', workflow })

const mel = person('mel')
const jacintar = person('jacintar', 'unix/atm-ops', 'oidc/ops')

test('the site default lets everyone read and execute, and nobody write', () => {
  const snapshot = site({})
  assert.equal(ask(snapshot, mel, 'view').allowed, true)
  assert.equal(ask(snapshot, mel, 'stop').allowed, true)
  assert.equal(ask(snapshot, mel, 'stop').elevation, 'execute')
  assert.equal(ask(snapshot, mel, 'edit').allowed, false)
  assert.equal(ask(snapshot, mel, 'edit').layer, undefined)
})

test('a role may read, and nobody but owners execute, where the account says so', () => {
  const snapshot = site({
    account: { read: ['group:unix/atm-ops'], execute: ['owner'] },
    owners: ['group:unix/atm-admins'],
  })
  assert.equal(ask(snapshot, mel, 'view').allowed, false)
  assert.equal(ask(snapshot, jacintar, 'view').allowed, true)
  const refused = ask(snapshot, jacintar, 'stop')
  assert.deepEqual(
    [refused.allowed, refused.layer, refused.file, refused.line, refused.rule],
    [false, 'account', 'account.yaml', 3, 'execute'],
  )
  assert.equal(ask(snapshot, person('ana', 'unix/atm-admins'), 'stop').allowed, true)
})

test('a workflow that only its owner reads is hidden from all others for every action', () => {
  const snapshot = site({ workflow: { read: ['owner'] }, owners: ['user:ana'] })
  for (const action of permissionActions) assert.equal(ask(snapshot, mel, action).allowed, false, action)
  assert.equal(ask(snapshot, mel, 'view', 'winds').allowed, true)
  assert.equal(ask(snapshot, person('ana'), 'view').allowed, true)
})

test('within a layer the action decides before its class, and a denial wins inside its list', () => {
  const snapshot = site({ account: { execute: ['everyone'], kill: ['everyone', '!user:mel'] } })
  assert.equal(ask(snapshot, mel, 'hold').allowed, true)
  assert.equal(ask(snapshot, mel, 'kill').allowed, false)
  assert.equal(ask(snapshot, mel, 'kill').principal, '!user:mel')
})

test('inherit asks the layer below; a list without it does not', () => {
  assert.equal(ask(site({ workflow: { execute: ['user:ana', 'inherit'] } }), mel, 'hold').allowed, true)
  assert.equal(ask(site({ workflow: { execute: ['user:ana'] } }), mel, 'hold').allowed, false)
  assert.equal(ask(site({ workflow: { execute: [] } }), mel, 'hold').allowed, false)
})

test('limits stand above layers and owners', () => {
  const snapshot = site({
    site: { read: ['everyone'], write: ['everyone'] },
    limits: { write: ['group:unix/staff'] },
    owners: ['user:ana'],
  })
  assert.equal(ask(snapshot, mel, 'edit').layer, 'limits')
  assert.equal(ask(snapshot, person('ana'), 'edit').allowed, false)
  assert.equal(ask(snapshot, person('ana', 'unix/staff'), 'edit').allowed, true)
})

test('write does not imply execute', () => {
  const snapshot = site({ site: { read: ['everyone'], write: ['user:mel'] } })
  assert.equal(ask(snapshot, mel, 'edit').allowed, true)
  assert.equal(ask(snapshot, mel, 'stop').allowed, false)
})

test('permissions belongs to owners and site administrators, and no layer can give it away', () => {
  const snapshot = site({ owners: ['user:ana'] })
  assert.equal(ask(snapshot, person('ana'), 'permissions').allowed, true)
  assert.equal(ask(snapshot, person('root-of-site', 'oidc/site-admins'), 'permissions').allowed, true)
  assert.equal(ask(snapshot, mel, 'permissions').allowed, false)
  assert.equal(
    layerSchema.safeParse({ rules: { permissions: ['everyone'] }, source: { file: '', lines: {} } }).success,
    false,
  )
  assert.equal(
    layerSchema.safeParse({ rules: { own: ['everyone'] }, source: { file: '', lines: {} } }).success,
    false,
  )
})

test('locks refuse everything, reading too', () => {
  assert.equal(ask(site({ locks: { persons: ['mel'] } }), mel, 'view').layer, 'lock')
  assert.equal(
    ask(site({ locks: { accounts: ['atmosphere_stage'] }, owners: ['user:mel'] }), mel, 'view').allowed,
    false,
  )
})

test('an account acts for itself only where it may, and reads another only when named', () => {
  const own: Who = { kind: 'account', account: 'atmosphere_stage' }
  assert.equal(ask(site({ cli: 'refuse' }), own, 'stop').allowed, false)
  assert.equal(ask(site({ cli: 'allow' }), own, 'stop').allowed, true)
  assert.equal(ask(site({ cli: 'allow' }), own, 'permissions').allowed, false)
  const other: Who = { kind: 'account', account: 'oceans_stage' }
  assert.equal(ask(site({}), other, 'view').allowed, false, 'everyone means people')
  assert.equal(ask(site({ account: { read: ['account:oceans_stage'] } }), other, 'view').allowed, true)
})

test('unknown accounts and names that live on every object are nobody’s', () => {
  for (const account of ['nobody', '__proto__', 'constructor', 'toString'])
    assert.equal(decide(site({}), { who: mel, action: 'view', account }).allowed, false, account)
  assert.equal(
    ask(site({ workflow: { read: [] } }), mel, 'view', 'constructor').allowed,
    true,
    'the account’s rule holds',
  )
})

test('roles and ownership come from lists of principals', () => {
  const snapshot = site({ owners: ['group:unix/atm-ops', '!user:mel'] })
  assert.deepEqual(rolesOf(snapshot, jacintar), ['auditor'])
  assert.equal(isOwner(snapshot, jacintar, 'atmosphere_stage'), true)
  assert.equal(isOwner(snapshot, person('mel', 'unix/atm-ops'), 'atmosphere_stage'), false)
})

/** Mulberry32: the same cases in every run. */
const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}
const pool = [
  'everyone',
  'owner',
  'inherit',
  'user:mel',
  '!user:mel',
  'user:ana',
  'group:oidc/ops',
  '!group:oidc/ops',
  '!owner',
  'account:oceans_stage',
]
const someRules = (next: () => number): Rules =>
  Object.fromEntries(
    ruleKeys.filter(() => next() < 0.15).map((key) => [key, pool.filter(() => next() < 0.25)]),
  )
const people = [
  mel,
  person('ana'),
  person('bob', 'oidc/ops'),
  person('mel', 'oidc/ops'),
  { kind: 'account', account: 'oceans_stage' } as const,
]
const shuffled = (rules: Rules): Rules => Object.fromEntries(Object.entries(rules).reverse())

test('over random policies: key order, rules about others and the reduced snapshot change nothing; limits hold', () => {
  const next = random(7)
  for (let round = 0; round < 300; round++) {
    const parts = {
      site: someRules(next),
      account: someRules(next),
      workflow: someRules(next),
      limits: someRules(next),
      owners: next() < 0.5 ? ['user:ana'] : [],
    }
    const snapshot = site(parts)
    assert.equal(permissionSnapshot.safeParse(snapshot).success, true)
    const reordered = site({
      ...parts,
      site: shuffled(parts.site),
      account: shuffled(parts.account),
      workflow: shuffled(parts.workflow),
    })
    const withOther = site({
      ...parts,
      workflow: Object.fromEntries(
        Object.entries(parts.workflow).map(([key, list]) => [key, [...(list ?? []), 'user:zoe']]),
      ),
    })
    const reduced = reduceFor(snapshot, 'atmosphere_stage')
    const unlimited = site({ ...parts, limits: {} })
    for (const who of people)
      for (const action of permissionActions) {
        const { allowed, layer, rule } = ask(snapshot, who, action)
        assert.deepEqual(
          [ask(reordered, who, action).allowed, ask(reordered, who, action).rule],
          [allowed, rule],
        )
        assert.equal(ask(withOther, who, action).allowed, allowed)
        assert.deepEqual(ask(reduced, who, action), ask(snapshot, who, action))
        if (allowed) assert.equal(ask(unlimited, who, action).allowed, true, `${layer}`)
      }
  }
})
