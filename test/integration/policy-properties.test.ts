/** What holds for every policy, tried on 100,000 random ones; and the same answers as another reading of the rules. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decide } from '../../policy/decide.ts'
import { reduceFor } from '../../policy/reduce.ts'
import { isOwner } from '../../policy/roles.ts'
import type { Question } from '../../policy/types.ts'
import {
  classOf,
  type Layer,
  type PermissionAction,
  type PermissionSnapshot,
} from '../../protocol/permissions.ts'
import { isIn, namesOf, oracle } from '../harness/permission-oracle.ts'
import { layerOf, principalsOf, questions, rulesOf, snapshots } from '../harness/policies.ts'

/** Six properties, 100,000 cases in all and more. */
const cases = { numRuns: 20_000 }

const concerns = (key: string, action: PermissionAction): boolean =>
  key === action || key === classOf(action) || (classOf(action) === 'note' && key === 'execute')

const isAllowed = (snapshot: PermissionSnapshot, question: Question) => decide(snapshot, question).allowed

const withLayers = (snapshot: PermissionSnapshot, change: (layer: Layer) => Layer): PermissionSnapshot => ({
  ...snapshot,
  site: change(snapshot.site),
  limits: change(snapshot.limits),
  accounts: Object.fromEntries(
    Object.entries(snapshot.accounts).map(([name, { layer, workflows, ...entry }]) => [
      name,
      {
        ...entry,
        ...(layer === undefined ? {} : { layer: change(layer) }),
        workflows: Object.fromEntries(
          Object.entries(workflows).map(([workflow, one]) => [workflow, change(one)]),
        ),
      },
    ]),
  ),
})

test('CASL, told the same rules in its own way, gives the same answers', () => {
  fc.assert(
    fc.property(snapshots, questions, (snapshot, question) => {
      assert.equal(isAllowed(snapshot, question), oracle(snapshot, question.who)(question))
    }),
    cases,
  )
})

test('the order in which keys and principals are written changes no decision', () => {
  const reverse = ({ rules, source }: Layer): Layer => ({
    source,
    rules: Object.fromEntries(
      Object.entries(rules)
        .reverse()
        .map(([key, list]) => [key, [...(list ?? [])].reverse()]),
    ),
  })
  fc.assert(
    fc.property(snapshots, questions, (snapshot, question) => {
      assert.equal(isAllowed(withLayers(snapshot, reverse), question), isAllowed(snapshot, question))
    }),
    cases,
  )
})

test('a name added to the lists of rules that already decide changes nothing for others', () => {
  const stranger = fc.constantFrom('user:somebody-else', 'group:unix/elsewhere', '!user:somebody-else')
  fc.assert(
    fc.property(snapshots, questions, stranger, (snapshot, question, name) => {
      const add = ({ rules, source }: Layer): Layer => ({
        source,
        rules: Object.fromEntries(Object.entries(rules).map(([key, list]) => [key, [...(list ?? []), name]])),
      })
      assert.equal(isAllowed(withLayers(snapshot, add), question), isAllowed(snapshot, question))
    }),
    cases,
  )
})

test('whoever the limits do not name is refused, whatever the layers say', () => {
  fc.assert(
    fc.property(snapshots, questions, principalsOf(false), (snapshot, question, list) => {
      const { who, action, account } = question
      // What an account does to its own is the operating system's affair, and owning is no layer's.
      fc.pre(action !== 'permissions' && (who.kind === 'person' || who.account !== account))
      const names = namesOf(who, isOwner(snapshot, who, account))
      const limited = { ...snapshot, limits: layerOf({ [action]: list }, 'site.yaml') }
      const expected =
        isIn(list, names) && isAllowed({ ...snapshot, limits: layerOf({}, 'site.yaml') }, question)
      assert.equal(isAllowed(limited, question), expected)
    }),
    cases,
  )
})

test('a more specific layer that is silent about an action changes nothing', () => {
  fc.assert(
    fc.property(snapshots, questions, rulesOf(), (snapshot, question, rules) => {
      const { account, workflow, action } = question
      fc.pre(workflow !== undefined)
      const entry = snapshot.accounts[account]
      assert.ok(entry !== undefined && workflow !== undefined)
      const { [workflow]: _said, ...others } = entry.workflows
      const silent = Object.fromEntries(
        Object.entries(rules).filter(([key]) => !concerns(key, action) && !concerns(key, 'view')),
      )
      const without = {
        ...snapshot,
        accounts: { ...snapshot.accounts, [account]: { ...entry, workflows: others } },
      }
      const workflows = { ...others, [workflow]: layerOf(silent, 'workflow.yaml') }
      const between = { ...snapshot, accounts: { ...snapshot.accounts, [account]: { ...entry, workflows } } }
      assert.equal(isAllowed(between, question), isAllowed(without, question))
    }),
    cases,
  )
})

test('what an account’s UI server is told of the policy gives the same answers about it', () => {
  fc.assert(
    fc.property(snapshots, questions, (snapshot, question) => {
      assert.deepEqual(decide(reduceFor(snapshot, question.account), question), decide(snapshot, question))
    }),
    cases,
  )
})
