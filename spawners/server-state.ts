/** What an agent tells of the server that is up, as a spawner tells it of one instance. */
import type { StatusAnswer } from '../protocol/agent.ts'
import type { ServerState } from './contract.ts'

/** Undefined where that instance is not the one that the agent knows. */
export const stateOfInstance = (status: StatusAnswer, instance: string): ServerState | undefined => {
  if (status.state === 'off' || status.instance !== instance) return undefined
  switch (status.state) {
    case 'running':
      return {
        state: 'running',
        version: status.version,
        startedAt: status.startedAt,
        ...(status.memory === undefined ? {} : { memory: status.memory }),
      }
    case 'silent':
      return { state: 'silent', busy: status.busy === true }
    case 'exited':
      return { state: 'exited', log: status.log }
  }
}
