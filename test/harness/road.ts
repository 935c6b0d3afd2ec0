/** Small helpers for tests that go through transport, agent and tunnel. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import type { Duplex } from 'node:stream'
import type { SpawnSettings } from '../../protocol/agent.ts'

/** `issuer` chooses how the server of test/harness/agent-entry.ts behaves. */
export const spawnSettingsFor = (account: string, issuer = 'https://hub.example'): SpawnSettings => ({
  version: 1,
  account,
  instance: randomBytes(16).toString('hex'),
  site: { inbox: '/site/inbox', temp: '/site/temp', feed: '/site/feed' },
  hubKeys: { keys: [] },
  issuer,
  idleMinutes: 20,
})

/** One HTTP/1.1 request over a fresh stream, whole. */
export const fetchOver = async (
  dial: () => Promise<Duplex>,
  path: string,
): Promise<{ readonly status: number; readonly body: Buffer }> => {
  const stream = await dial()
  const agent = new Agent()
  agent.createConnection = () => stream
  try {
    const call = get({ path, host: 'server', agent })
    const [answer] = await once(call, 'response')
    const parts: Buffer[] = []
    for await (const part of answer) parts.push(part)
    return { status: answer.statusCode, body: Buffer.concat(parts) }
  } finally {
    stream.destroy()
  }
}

export type WhoAmI = {
  readonly uid: number
  readonly pid: number
  readonly instance: string
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

export const askWhoAmI = async (dial: () => Promise<Duplex>): Promise<WhoAmI> =>
  JSON.parse((await fetchOver(dial, '/')).body.toString())

/** A request whose answer is never read: returns the stream, paused. */
export const leaveUnread = async (dial: () => Promise<Duplex>, path: string): Promise<Duplex> => {
  const stream = await dial()
  stream.write(`GET ${path} HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n`)
  return stream
}
