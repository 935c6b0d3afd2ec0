/** The hub as a process: spawner, signals. */
import { performance } from 'node:perf_hooks'
import { openSpawner } from '../spawners/registry.ts'
import type { HubConfig } from './config.ts'
import { createFeedTransports } from './daemons/feeds.ts'
import { createHub } from './main.ts'

/** Runs until SIGTERM or SIGINT; resolves with the exit code. UI servers go on. */
export const runHub = async (config: HubConfig): Promise<number> => {
  const stopped = new Promise<void>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve())
  })
  const spawner = await openSpawner(config.spawner, {
    now: Date.now,
    env: process.env,
    entry: process.argv[1] ?? '',
    random: Math.random,
    warn: (message, context) =>
      process.stderr.write(`${JSON.stringify({ level: 40, part: 'spawner', msg: message, ...context })}\n`),
  })
  const hub = await createHub(config, {
    spawner: () => spawner,
    feedTransport: createFeedTransports({ now: Date.now, random: Math.random }),
    random: Math.random,
    now: Date.now,
    monotonic: () => performance.now(),
  })
  await hub.listen()
  await stopped
  await hub.close()
  await spawner.close()
  return 0
}
