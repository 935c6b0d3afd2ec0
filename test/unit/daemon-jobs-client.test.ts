import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { createJobsClient } from '../../daemon/jobs-client.ts'
import { createLineSplitter } from '../../durable/line-splitter.ts'
import type { Transport } from '../../wire/transport.ts'
import { until } from '../harness/until.ts'

const server = { instance: 'a'.repeat(32), pid: 1, startedAt: 1, version: '1', socket: '/run/s' }
const greeting = { jobs: 1, version: '1', host: 'login1', account: 'atmosphere_stage' }

/** Agents that answer each poll with nothing known, and end when they are told to: gracefully, as over sshd. */
const host = () => {
  const agents: { readonly leave: () => void }[] = []
  const transport: Transport = {
    exec: async () => {
      const [stream, agent] = duplexPair()
      const say = (value: unknown) => agent.write(`${JSON.stringify(value)}\n`)
      let isInput = true
      agent.on(
        'data',
        createLineSplitter(65_536, (line) => {
          const { id } = JSON.parse(line) as { id?: number }
          if (!isInput) return void say({ id, ok: true, op: 'poll', jobs: [] })
          isInput = false
          say({ answer: server })
          say(greeting)
        }),
      )
      // What is written after that nobody hears, and nobody says so.
      agents.push({ leave: () => agent.removeAllListeners('data').resume().end() })
      const exit = Promise.withResolvers<{ code: number | null; signal: string | null }>()
      return { stream, noise: '', stderr: () => '', exit: exit.promise, kill: () => stream.destroy() }
    },
    close: () => undefined,
  }
  return { agents, transport }
}

test('a line that its agent ended is not asked again: the next question opens another', async (t) => {
  const { agents, transport } = host()
  const silent = { noise: () => undefined, progress: () => undefined }
  const settings = { version: 1, account: 'atmosphere_stage', jobEvents: '/events' } as const
  const client = createJobsClient(transport, settings, 1, silent)
  t.after(client.close)
  assert.deepEqual((await client.poll([])).jobs, [])
  agents[0]?.leave()
  let answered = false
  await until(() => {
    void client.poll([]).then(
      () => {
        answered = true
      },
      // The one question that met the end of the line.
      () => undefined,
    )
    return answered
  }, 2000)
  assert.equal(agents.length, 2)
})
