/** What is shown before permissions change is what changes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareLayers, placesOf, probesOf, withLayer } from '../../policy/compare.ts'
import { decide } from '../../policy/decide.ts'
import type { Question } from '../../policy/types.ts'
import { type PermissionSnapshot, permissionActions } from '../../protocol/permissions.ts'
import { accountNames, layerOf, persons, rulesOf, snapshots, workflowNames } from '../harness/policies.ts'

const [account] = accountNames
const isAllowed = (snapshot: PermissionSnapshot, question: Question): boolean =>
  decide(snapshot, question).allowed
const noGroups = () => []
const site = (account_: PermissionSnapshot['accounts'][string]): PermissionSnapshot => ({
  v: 1,
  version: 1,
  at: 0,
  site: layerOf({ read: ['everyone'], execute: ['everyone'] }, 'site.yaml'),
  limits: layerOf({}, 'site.yaml'),
  roles: { admin: [], auditor: [], developer: [] },
  accounts: { [account]: account_ },
  locks: { persons: [], accounts: [], hosts: [] },
})
const entry = { owners: ['user:jacintar'], cli: 'allow' as const, workflows: {} }

const compare = (
  before: PermissionSnapshot,
  workflow: string | null,
  rules: Parameters<typeof layerOf>[0],
) => {
  const place = { account, workflow }
  const after = withLayer(before, place, layerOf(rules, 'asked'))
  assert.ok(after !== null)
  const probes = probesOf([before, after], place, noGroups)
  return [...compareLayers([before, after], place, probes)].filter((change) => change !== undefined)
}

test('who is named keeps what everybody else loses', () => {
  const changes = compare(site(entry), null, { execute: ['owner', 'group:unix/atm-ops'] })
  assert.deepEqual(
    changes.map(({ who, workflow, gains, loses }) => [who, workflow, gains.length, loses.includes('hold')]),
    [
      ['everyone', null, 0, true],
      ['group:unix/atm-ops', null, 0, false],
    ],
  )
})

test('a workflow with rules of its own is told of by itself, where the account’s reach it', () => {
  const before = site({
    ...entry,
    workflows: {
      clouds: layerOf({ execute: ['everyone'] }, 'workflow.yaml'),
      winds: layerOf({ write: ['everyone'] }, 'workflow.yaml'),
    },
  })
  const told = compare(before, null, { execute: [], write: ['user:mel'] }).map(({ who, workflow }) => [
    workflow,
    who,
  ])
  assert.deepEqual(told, [
    [null, 'everyone'],
    [null, 'user:mel'],
    ['clouds', 'user:mel'],
    ['winds', 'everyone'],
  ])
})

test('owners lose nothing by a layer, and nothing is told of them', () => {
  assert.deepEqual(
    compare(site(entry), null, { execute: ['everyone', '!owner'] }).map(({ who }) => who),
    [],
  )
})

test('for anybody anywhere, what is told is the difference between before and after', () => {
  const place = fc.record({
    account: fc.constant(account),
    workflow: fc.option(fc.constantFrom(...workflowNames), { nil: null }),
  })
  fc.assert(
    fc.property(
      snapshots,
      place,
      fc.option(rulesOf(), { nil: undefined }),
      persons,
      (before, at, rules, who) => {
        const after = withLayer(before, at, rules === undefined ? undefined : layerOf(rules, 'asked'))
        assert.ok(after !== null)
        const probes = [...probesOf([before, after], at, noGroups), { who: 'user:known', as: who }]
        const told = [...compareLayers([before, after], at, probes)].filter((change) => change !== undefined)
        for (const workflow of placesOf(before, at))
          for (const probe of probes) {
            const find = (name: string) => told.find((one) => one.who === name && one.workflow === workflow)
            // Of whom nothing is told by themselves, it is what happens to everybody.
            const said = find(probe.who) ?? find('everyone')
            for (const action of permissionActions) {
              const question: Question = { who: probe.as, action, account, workflow: workflow ?? undefined }
              const was = isAllowed(before, question)
              const is = isAllowed(after, question)
              assert.equal(said?.gains.includes(action) ?? false, !was && is)
              assert.equal(said?.loses.includes(action) ?? false, was && !is)
            }
          }
      },
    ),
    { numRuns: 3000 },
  )
})

test('with another layer everything else stays as it was', () => {
  fc.assert(
    fc.property(snapshots, rulesOf(), (before, rules) => {
      const layer = layerOf(rules, 'asked')
      const flow = withLayer(before, { account, workflow: 'clouds' }, layer)
      assert.deepEqual(flow?.accounts[account]?.workflows.clouds, layer)
      assert.deepEqual(flow?.accounts[account]?.layer, before.accounts[account]?.layer)
      const own = withLayer(before, { account, workflow: null }, layer)
      assert.deepEqual(own?.accounts[account], { ...before.accounts[account], layer })
      assert.deepEqual(own?.accounts[accountNames[1]], before.accounts[accountNames[1]])
      assert.equal(withLayer(before, { account: 'nobodys', workflow: null }, layer), null)
    }),
  )
})
