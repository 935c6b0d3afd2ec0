import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Rest } from '../../protocol/maintenance.ts'
import { concernedOf, restTitle, sharedRests } from '../../web/model/rests.ts'

const host: Rest = { scope: 'host', name: 'n01', until: 2000, reason: 'new disks' }
const drain: Rest = { scope: 'drain', name: null, until: null, reason: null }
const site: Rest = { scope: 'site', name: null, until: 1000, reason: null }

test('each reason why nothing starts is said once, the earliest end first', () => {
  const shared = sharedRests([
    { account: 'oceans_stage', rests: [drain, host] },
    { account: 'atmosphere_stage', rests: [host, site] },
    { account: 'rivers_stage' },
  ])
  assert.deepEqual(
    shared.map(({ rest, accounts }) => [restTitle(rest), ...accounts]),
    [
      ['Maintenance', 'atmosphere_stage'],
      ['Maintenance of host n01', 'atmosphere_stage', 'oceans_stage'],
      ['Drained', 'oceans_stage'],
    ],
  )
})

test('accounts are named where it is not about all that are seen, and not too many', () => {
  const accounts = ['a', 'b', 'c', 'd', 'e']
  assert.equal(concernedOf({ rest: host, accounts }, 5), '')
  assert.equal(concernedOf({ rest: host, accounts: ['a', 'b'] }, 5), ' for a, b')
  assert.equal(concernedOf({ rest: host, accounts }, 9), ' for a, b, c and 2 more')
  const own: Rest = { ...host, scope: 'account', name: 'a' }
  assert.equal(concernedOf({ rest: own, accounts: ['a'] }, 9), '')
})
