/** Row 26: texts that try to become a second line, another colour or another direction. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openChain } from '../../durable/chain.ts'
import { verifyChain } from '../../durable/chain-verify.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const evil = 'x\n2026-01-01T00:00:00Z User joe\r\u001b[2K\u0085\u2028\u2029\u202e\u2066\u200b\u007f<b>'

test('one record is one line, and nothing in it moves a cursor or changes direction', async (t) => {
  const dir = await temporaryDirectory(t)
  const chain = await openChain({ dir, writer: 'hub/one', now: () => 0 })
  await chain.append({
    event: 'action.refused',
    outcome: 'refused',
    person: evil.slice(0, 60),
    account: 'a',
    action: 'edit',
    args: { [evil]: { deep: [evil] } },
    reason: evil,
  })
  await chain.close()
  const text = await readFile(join(dir, 'audit-hub-one-19700101.ndjson'), 'utf8')
  assert.equal(text.indexOf('\n'), text.length - 1)
  assert.doesNotMatch(text.trimEnd(), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  assert.doesNotMatch(
    text,
    /\\[nr]|\\u00/,
    'not even escaped: a reader that unescapes gets no control character',
  )
  assert.equal((await verifyChain(dir)).ok, true)
})
