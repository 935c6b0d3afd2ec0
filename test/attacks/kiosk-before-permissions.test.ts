/** A wall that asks while the hub does not know, or no longer knows, who may see what. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import type { Viewer } from '../../hub/context.ts'
import { createPolicyKeeper } from '../../hub/policy-view.ts'
import { mayView } from '../../hub/visible.ts'
import { permissions } from '../harness/hub.ts'

const kiosk = {
  kind: 'kiosk',
  person: 'kiosk:1',
  groups: [],
  accounts: ['atmosphere_stage', 'rivers_stage'],
} as unknown as Viewer

test('a kiosk sees nothing of its accounts before the hub has their permissions', () => {
  const policy = createPolicyKeeper({
    sources: [{ name: 'local' }],
    now: Date.now,
    log: pino({ enabled: false }),
  })
  const sees = (account: string, workflow: string) => mayView(policy, kiosk, account, workflow)
  assert.equal(sees('atmosphere_stage', 'clouds'), false)

  policy.take('local', permissions())
  assert.equal(sees('atmosphere_stage', 'clouds'), true)
  assert.equal(sees('atmosphere_stage', 'secret'), false)
  assert.equal(sees('rivers_stage', 'floods'), false, 'an account that no permissions name')
})
