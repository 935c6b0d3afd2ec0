/** Row 42: an identity-provider user whose name is the number of a Unix user. */
import assert from 'node:assert/strict'
import { userInfo } from 'node:os'
import { test } from 'node:test'
import { createGroups } from '../../hub/groups.ts'
import { createLog } from '../../hub/log.ts'
import { unixGroupsById } from '../../hub/unix-groups.ts'

test('whoever is called 0 is not root, and has no group of anybody', async () => {
  const log = createLog({ logLevel: 'silent', name: 'test' })
  const groups = createGroups({ sources: [{ name: 'unix', ask: unixGroupsById }], now: Date.now, log })
  const { uid, username } = userInfo()
  assert.ok((await groups.of(username, [])).length > 0, 'names are looked up')
  for (const number of ['0', '00', String(uid), '33', '65534'])
    assert.deepEqual(await groups.of(number, ['oidc/staff']), ['oidc/staff'], number)
})
