/** A request that was sent, until it is answered. */
import { setTimeout as sleep } from 'node:timers/promises'
import { requestBody } from '../../protocol/api.ts'
import type { HubClient } from './client.ts'

const pollMs = 200

/** How it ended, on a line of its own; the exit code says it too. */
export const follow = async (client: HubClient, id: string): Promise<number> => {
  for (;;) {
    const { state, code, reason } = await client.get(`/api/requests/${id}`, requestBody)
    if (state !== 'waiting') {
      const why = [code, reason].filter((part) => part !== undefined)
      process.stdout.write(`${[id, state, ...why].join('  ')}\n`)
      return state === 'done' ? 0 : 1
    }
    await sleep(pollMs)
  }
}
