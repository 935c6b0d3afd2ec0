/**
 * Empties a host: its servers end there, and those that somebody looks at come up elsewhere at once; their viewers'
 * browsers reconnect by themselves. A few at a time, and no more after one did not come up again: a fleet that has no
 * room is not emptied into nothing.
 */
import { asSeneschalError } from '../../protocol/errors.ts'
import type { MigrationState, MigrationWhich } from '../../protocol/fleet.ts'
import type { Log, Servers, Viewer } from '../context.ts'

export type Migrations = {
  /** How many servers it is about. One that is under way on this host goes on; then this is 0. */
  readonly begin: (host: string, which: MigrationWhich, viewer: Viewer) => number
  readonly of: (host: string) => MigrationState | undefined
}

const atOnce = 4

export const createMigrations = (parts: {
  readonly servers: Pick<Servers, 'list' | 'move'>
  readonly log: Log
}): Migrations => {
  const { servers, log } = parts
  const states = new Map<string, MigrationState>()

  const isRunning = (host: string): boolean => {
    const state = states.get(host)
    return state !== undefined && state.left > 0 && state.code === null
  }
  const change = (host: string, how: (state: MigrationState) => Partial<MigrationState>): void => {
    const state = states.get(host)
    if (state !== undefined) states.set(host, { ...state, ...how(state) })
  }

  const work = async (host: string, queue: string[], viewer: Viewer): Promise<void> => {
    while (states.get(host)?.code === null) {
      const account = queue.shift()
      if (account === undefined) return
      try {
        await servers.move(account, viewer)
        change(host, ({ moved, left }) => ({ moved: moved + 1, left: left - 1 }))
      } catch (thrown) {
        const error = asSeneschalError(thrown)
        log.warn({ err: error, account, host }, 'a server did not move, and the others stay')
        change(host, () => ({ code: error.code }))
      }
    }
  }

  return {
    begin: (host, which, viewer) => {
      if (isRunning(host)) return 0
      const chosen = servers
        .list()
        .filter((one) => one.host === host && (which === 'all' || !one.watched))
        .map(({ account }) => account)
      states.set(host, { which, moved: 0, left: chosen.length, code: null })
      const count = chosen.length
      for (let index = 0; index < atOnce; index += 1) void work(host, chosen, viewer)
      return count
    },
    of: (host) => states.get(host),
  }
}
