/** Ends the daemon that holds a lease, and nobody who has its process number since. */
import { setTimeout as sleep } from 'node:timers/promises'
import { bootId, factsOf, isAlive, signal } from '../../runners/processes.ts'
import { type Lease, processOf } from './lease.ts'

/** It promises two seconds; a busy host may take longer, ms. */
const patience = 10_000
const look = 50

/** Whether it has ended. */
export const stopHolder = async (lease: Lease): Promise<boolean> => {
  const boot = await bootId()
  const holder = processOf(lease)
  const facts = await factsOf(lease.pid)
  if (facts === undefined || !(await isAlive(holder, boot))) return true
  await signal({ ...facts, start: lease.start }, 'SIGTERM')
  for (let waited = 0; waited < patience; waited += look) {
    if (!(await isAlive(holder, boot))) return true
    await sleep(look)
  }
  return false
}
