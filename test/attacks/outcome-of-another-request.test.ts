/** An account files a request of its own under the id of a grant that it was handed: its outcome is not the person's. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openChain } from '../../durable/chain.ts'
import { openAudit } from '../../hub/audit.ts'
import { createGranted } from '../../hub/granted.ts'
import { createLog } from '../../hub/log.ts'
import { openIntents } from '../../hub/open-intents.ts'
import { actionAnswer, requestBody } from '../../protocol/api.ts'
import { startServing } from '../harness/serving.ts'
import { requestRow } from '../harness/site-feed.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const place = { account: 'atmosphere_stage', workflow: 'clouds', action: 'hold' } as const
const intended = {
  event: 'action.intended',
  outcome: 'allowed',
  request: 'x',
  person: 'jacintar',
  ...place,
} as const
const lies = {
  'the account itself': { ...place, person: null },
  'another account': { ...place, account: 'oceans_stage', person: null },
  'somebody else': { ...place, person: 'mel' },
  'another action': { ...place, action: 'release', person: 'jacintar' },
} as const

test('whoever asks how it ended is not told the outcome of something else', async (t) => {
  const hub = await startServing(t, {
    answer: (request, response) => {
      request.resume()
      response.writeHead(202).end()
    },
  })
  await hub.open('atmosphere_stage')
  const jacintar = await hub.raise(await hub.signIn('jacintar'), 'execute')
  const asked = await jacintar.send('POST', '/api/accounts/atmosphere_stage/actions/hold', {
    workflow: 'clouds',
    args: {},
  })
  const { request } = actionAnswer.parse(asked.body)
  const outcome = async () => requestBody.parse((await jacintar.get(`/api/requests/${request}`)).body)
  const own = requestRow(request, 'atmosphere_stage', { via: 'cli', person: null, workflow: 'clouds' })
  await hub.feed.put('request', request, own)
  // Whatever comes in the same feed behind it is read after it.
  const marker = randomUUID()
  await hub.feed.put('request', marker, requestRow(marker, 'atmosphere_stage', { person: 'jacintar' }))
  await until(async () => (await jacintar.get(`/api/requests/${marker}`)).status === 200)
  assert.deepEqual(await outcome(), { state: 'waiting' })
  await hub.feed.put('request', request, {
    ...own,
    via: 'web',
    person: 'jacintar',
    state: 'refused',
    code: 'lock.held',
  })
  await until(async () => (await outcome()).state === 'refused')
})

test('in the audit log it ends nobody’s intent, for the hub and for the verifier', async (t) => {
  const dir = await temporaryDirectory(t)
  const dirs = { hub: join(dir, 'hub'), daemon: join(dir, 'daemon') }
  await mkdir(dirs.daemon)
  const log = createLog({ logLevel: 'silent', name: 'test' })
  const audit = await openAudit({ dir: dirs.hub, writer: 'hub/test', wall: Date.now, log })
  const daemon = await openChain({ dir: dirs.daemon, writer: 'daemon/main', now: Date.now })
  const granted = createGranted({ audit, now: Date.now })
  await audit.record(intended)
  for (const [what, lie] of Object.entries(lies)) {
    audit.ingest([await daemon.append({ event: 'action.done', outcome: 'done', request: 'x', ...lie })])
    assert.equal(granted.get('x')?.state, 'waiting', what)
  }
  const open = async () => (await openIntents([dirs.hub, dirs.daemon]))?.map(({ request }) => request)
  assert.deepEqual(await open(), ['x'])
  const right = { ...place, person: 'jacintar', code: 'state.conflict' } as const
  audit.ingest([
    await daemon.append({ event: 'action.not-done', outcome: 'refused', request: 'x', ...right }),
  ])
  assert.deepEqual([granted.get('x')?.state, granted.get('x')?.code], ['refused', 'state.conflict'])
  assert.deepEqual(await open(), [])
  await daemon.close()
  await audit.close()
})
