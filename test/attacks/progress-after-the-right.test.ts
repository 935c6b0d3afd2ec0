/** Somebody who lost the right to look at an account goes on with the stream of its server's start that was open. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { nobody, startServing } from '../harness/serving.ts'
import { snapshotOf } from '../harness/site-feed.ts'
import { until } from '../harness/until.ts'

const follow = async (port: number, headers: Readonly<Record<string, string>>) => {
  const path = '/api/accounts/atmosphere_stage/server/progress'
  const request = get({ port, host: '127.0.0.1', path, headers, agent: false })
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  answer.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  return { text: () => text, ended: once(answer, 'end') }
}

test('the stream ends with the right, before anything more is told', async (t) => {
  const hub = await startServing(t)
  const mel = await hub.signIn('mel')
  const jacintar = await hub.signIn('jacintar')
  const lost = await follow(hub.port, mel.headers)
  const kept = await follow(hub.port, jacintar.headers)
  const entry = { owners: [], cli: 'refuse', workflows: {} } as const
  await hub.feed.permissions(
    snapshotOf({
      version: 2,
      accounts: { atmosphere_stage: entry, oceans_stage: entry },
      site: { rules: { read: ['everyone', '!user:mel'] }, source: { file: 'site.yaml', lines: {} } },
    }),
  )
  await lost.ended
  await hub.servers.ensure('atmosphere_stage', nobody)
  await until(() => kept.text().includes('"state":"on"'))
  assert.equal(lost.text().match(/"state":/g)?.length, 1, 'what it was told before: that it is off')
  await hub.endSession(jacintar)
  await kept.ended
})

test('it ends with a session that nobody told it of', async (t) => {
  const hub = await startServing(t, { refreshMs: 50 })
  const mel = await hub.signIn('mel')
  const { ended, text } = await follow(hub.port, mel.headers)
  await until(() => text().includes(': \n\n'))
  await hub.sessions.end({ name: mel.session?.name ?? '' })
  await ended
})
