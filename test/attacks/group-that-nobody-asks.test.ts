/** A rule denies a group, and nobody asks its source: whoever is in it would pass for want of a configuration. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decide } from '../../policy/decide.ts'
import { closeUnknown, unknownDenied } from '../../policy/unknown-sources.ts'
import { codeOf } from '../harness/code-of.ts'
import { permissions, startTestHub } from '../harness/hub.ts'
import { questions, snapshots } from '../harness/policies.ts'
import { layer } from '../harness/site-feed.ts'
import { until } from '../harness/until.ts'

const path = '/api/accounts/atmosphere_stage/actions/hold'
const body = { workflow: 'clouds', args: {} }

test('a denial of a group of a source that the hub does not ask denies everybody, and the log says so', async (t) => {
  const h = await startTestHub(t)
  const jacintar = await h.signIn('jacintar')
  await h.raise(jacintar)
  const hold = () => jacintar.change('POST', path, body)
  assert.equal((await hold()).status, 202)
  const denying = (list: readonly string[]) => layer({ read: ['everyone'], execute: [...list] })
  await h.permissions(permissions({ version: 2, site: denying(['everyone', '!group:ldap/contractors']) }))
  await until(async () => (await hold()).status === 403)
  assert.equal(codeOf(await hold()), 'permission.denied')
  assert.match(h.logged(), /"sources":"ldap"[^\n]*they deny everybody until it does/)

  // Of the provider's groups it is told; and who is merely allowed is not widened either.
  await h.permissions(permissions({ version: 3, site: denying(['everyone', '!group:oidc/contractors']) }))
  await until(async () => (await hold()).status === 202)
  await h.permissions(permissions({ version: 4, site: denying(['group:ldap/operators']) }))
  await until(async () => (await hold()).status === 403)
})

test('closing what nobody asks never allows what was refused, and changes nothing where all are asked', () => {
  const sources = fc.subarray(['oidc', 'unix', 'ldap']).map((list) => new Set(list))
  fc.assert(
    fc.property(snapshots, questions, sources, (snapshot, question, known) => {
      const closed = closeUnknown(snapshot, known)
      const before = decide(snapshot, question).allowed
      if (!before) assert.equal(decide(closed, question).allowed, false)
      if (unknownDenied(snapshot, known).length === 0)
        assert.deepEqual(decide(closed, question), decide(snapshot, question))
    }),
    { numRuns: 3000 },
  )
})
