/** How many decisions one thread makes in a second. */
import { decide } from '../../policy/decide.ts'
import type { Question } from '../../policy/types.ts'
import type { PermissionSnapshot } from '../../protocol/permissions.ts'
import { layer, snapshotOf } from '../../test/harness/site-feed.ts'
import { takeTurns } from '../report/rounds.ts'
import { judged, type Row } from '../report/row.ts'

const who = {
  kind: 'person',
  name: 'jacintar',
  groups: ['unix/atm-ops', 'oidc/forecasters', 'ldap/staff'],
} as const
const actions = ['view', 'hold', 'edit', 'logs'] as const

/** 1,000 rules: 250 accounts with two of their own and one workflow with two. */
const manyRules = (): PermissionSnapshot =>
  snapshotOf({
    limits: layer({ write: ['group:ldap/staff'] }),
    accounts: Object.fromEntries(
      Array.from({ length: 250 }, (_, index) => [
        `account_${index}`,
        {
          owners: [`group:unix/owners-${index}`],
          cli: 'refuse' as const,
          layer: layer({ execute: ['owner', 'group:unix/atm-ops'], logs: ['everyone', '!user:mallory'] }),
          workflows: { nightly: layer({ read: ['owner', 'group:oidc/forecasters'], hold: ['inherit'] }) },
        },
      ]),
    ),
  })

const questions = (count: number): readonly Question[] =>
  Array.from({ length: count }, (_, index) => {
    const action = actions[index % actions.length] ?? 'view'
    return {
      who,
      action,
      account: `account_${(index * 7) % 250}`,
      workflow: index % 3 === 0 ? 'other' : 'nightly',
    }
  })

/** 2,000 rows of a page, three actions each. */
const pageOf = (): readonly Question[] =>
  Array.from({ length: 6000 }, (_, index) => ({
    who,
    action: actions[index % 3] ?? 'view',
    account: `account_${Math.floor(index / 24) % 250}`,
    workflow: 'nightly',
  }))

export const decisions: Row = {
  name: 'decisions',
  title: 'decisions per second at 1,000 rules, one thread',
  run: async (bench) => {
    const snapshot = manyRules()
    const asked = questions(4096)
    const page = pageOf()
    const ms = bench.quick ? 200 : 1000
    const turns = await takeTurns(bench, 'decisions', [
      {
        who: 'policy',
        measure: async () => {
          let allowed = 0
          let count = 0
          const began = performance.now()
          while (performance.now() - began < ms) {
            for (const question of asked) if (decide(snapshot, question).allowed) allowed += 1
            count += asked.length
          }
          if (allowed === 0 || allowed === count) throw new Error('these questions decide nothing')
          return count / ((performance.now() - began) / 1000)
        },
      },
      {
        who: 'page',
        measure: async () => {
          const began = performance.now()
          const allowed = page.filter((question) => decide(snapshot, question).allowed).length
          if (allowed === 0) throw new Error('a page of nothing')
          return performance.now() - began
        },
      },
    ])
    return {
      figures: [
        judged(
          { what: 'decisions', who: 'policy', unit: '/s', rounds: turns.get('policy') ?? [] },
          '≥ 1,000,000/s',
          (value) => value >= 1e6,
        ),
        {
          what: '6,000 decisions for a page of 2,000 rows',
          who: 'policy',
          unit: 'ms',
          rounds: turns.get('page') ?? [],
        },
      ],
      notes: [],
    }
  },
}
