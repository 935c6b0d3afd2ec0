import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAssertions } from '../../hub/proxy/assertions.ts'
import { nobody } from '../harness/serving.ts'

test('an assertion serves its viewer for 15 s; whoever differs in anything gets another', async () => {
  let now = 0
  let count = 0
  const assertion = createAssertions({
    signer: {
      groupsFor: ({ groups }) => groups.filter((group) => group !== 'oidc/unnamed'),
      assertion: async () => {
        count += 1
        if (count === 6) throw new Error('no key')
        return `token ${count}`
      },
    },
    now: () => now,
  })
  assert.equal(await assertion(nobody, 'a', 'a/1'), 'token 1')
  now = 14_999
  assert.equal(await assertion(nobody, 'a', 'a/1'), 'token 1')
  assert.equal(await assertion(nobody, 'a', 'a/2'), 'token 2')
  assert.equal(await assertion({ ...nobody, groups: ['oidc/x'] }, 'a', 'a/1'), 'token 3')
  assert.equal(await assertion({ ...nobody, groups: ['oidc/unnamed'] }, 'a', 'a/1'), 'token 1')
  const raised = { ...nobody, elevation: { class: 'execute', until: 99 } } as const
  assert.equal(await assertion(raised, 'a', 'a/1'), 'token 4')
  now = 15_000
  assert.equal(await assertion(nobody, 'a', 'a/1'), 'token 5')
  await assert.rejects(assertion({ ...nobody, session: 'other' }, 'a', 'a/1'))
  assert.equal(
    await assertion({ ...nobody, session: 'other' }, 'a', 'a/1'),
    'token 7',
    'a failure is not kept',
  )
})
