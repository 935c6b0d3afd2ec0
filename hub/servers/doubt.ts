/** Whether the host of a server that does not answer is there at all: asked once at a time, and acted on if it is not. */
import type { Handle, Spawner } from '../../spawners/contract.ts'
import type { Log } from '../context.ts'

export type Doubt = {
  /** `act` is called where the host says nothing while others that could take the server do. */
  readonly host: (handle: Handle, act: () => Promise<void>) => void
}

/** A host that says nothing for so long is not heard any more, if others are, ms: three tries to connect. */
const patience = 4000

export const createDoubt = (spawner: Pick<Spawner, 'isDark'>, log: Log): Doubt => {
  let asking = false
  const find = async (
    isDark: NonNullable<Spawner['isDark']>,
    handle: Handle,
    act: () => Promise<void>,
  ): Promise<void> => {
    try {
      if (await isDark(handle, AbortSignal.timeout(patience))) await act()
    } catch (err) {
      log.debug({ err, instance: handle.instance }, 'whether its host is there cannot be told')
    } finally {
      asking = false
    }
  }
  return {
    host: (handle, act) => {
      const { isDark } = spawner
      if (asking || isDark === undefined) return
      asking = true
      void find(isDark, handle, act)
    },
  }
}
