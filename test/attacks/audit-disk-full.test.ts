/** Row 28: the audit log cannot grow. A real limit of the kernel, in a process of its own. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openChain } from '../../durable/chain.ts'
import { verifyChain } from '../../durable/chain-verify.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const program = `
  import { openChain } from ${JSON.stringify(join(import.meta.dirname, '../../durable/chain.ts'))}
  const chain = await openChain({ dir: process.argv[1], writer: 'hub/one', now: () => 0 })
  const outcomes = []
  for (let count = 0; count < 30; count += 1)
    await chain.append({ event: 'hub.started', outcome: 'done', reason: 'x'.repeat(500) }).then(
      (record) => outcomes.push(record.seq),
      (error) => outcomes.push(error.code),
    )
  console.log(JSON.stringify({ outcomes, head: chain.head() }))
  await chain.close()
`

test('no record, no acknowledgement; what was acknowledged stays, and the chain goes on when there is room', async (t) => {
  const dir = await temporaryDirectory(t)
  // 16 blocks of 512 bytes: the file ends in the middle of a record.
  const { stdout } = await promisify(execFile)('sh', [
    '-c',
    'ulimit -f 16; exec "$@"',
    'sh',
    process.execPath,
    '--input-type=module-typescript',
    '-e',
    program,
    dir,
  ])
  const { outcomes, head } = JSON.parse(stdout) as { outcomes: (number | string)[]; head: string }
  const written = outcomes.filter((outcome) => typeof outcome === 'number')
  const refused = outcomes.filter((outcome) => outcome === 'audit.unwritable')
  assert.ok(written.length > 3 && refused.length > 3, stdout)
  assert.equal(written.length + refused.length, outcomes.length)
  const before = await verifyChain(dir, { anchors: [{ writer: 'hub/one', head }] })
  assert.deepEqual([before.ok, before.chains[0]?.records], [true, written.length])
  assert.ok((await stat(join(dir, 'audit-hub-one-19700101.ndjson'))).size < 8192, 'no half record is left')

  const chain = await openChain({ dir, writer: 'hub/one', now: () => 0 })
  assert.equal((await chain.append({ event: 'hub.started', outcome: 'done' })).seq, written.length + 1)
  await chain.close()
  assert.equal((await verifyChain(dir, { anchors: [{ writer: 'hub/one', head }] })).ok, true)
})
