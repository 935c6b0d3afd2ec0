import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openChain } from '../../durable/chain.ts'
import { openIntents } from '../../hub/open-intents.ts'
import type { AuditEntry } from '../../protocol/audit.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const entry = (event: AuditEntry['event'], request: string): AuditEntry => ({
  event,
  outcome: 'done',
  request,
})

test('an intent that neither daemon nor hub ended is named, whichever log is read first', async (t) => {
  const dir = await temporaryDirectory(t)
  const [hub, daemon] = [join(dir, 'hub'), join(dir, 'daemon')]
  for (const one of [hub, daemon]) await mkdir(one)
  const ofHub = await openChain({ dir: hub, writer: 'hub/hub', now: Date.now })
  const ofDaemon = await openChain({ dir: daemon, writer: 'daemon/main', now: Date.now })
  for (const request of ['done', 'refused', 'unsent', 'lost'])
    await ofHub.append(entry('action.intended', request))
  await ofHub.append(entry('action.not-sent', 'unsent'))
  assert.equal(await openIntents([hub]), undefined, 'the hub alone cannot know')
  await ofDaemon.append(entry('action.done', 'done'))
  await ofDaemon.append(entry('action.not-done', 'refused'))
  await ofDaemon.append(entry('action.done', 'own request of an account'))
  for (const chain of [ofHub, ofDaemon]) await chain.close()
  for (const dirs of [
    [hub, daemon],
    [daemon, hub],
  ])
    assert.deepEqual(
      (await openIntents(dirs))?.map(({ request }) => request),
      ['lost'],
    )
})
