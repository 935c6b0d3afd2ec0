/** One start through a spawner, from the name of the new incarnation to the handle of the running server. */
import type { SpawnSettings } from '../../protocol/agent.ts'
import type { Handle, StartProgress } from '../../spawners/contract.ts'
import { orAborted } from '../../wire/or-aborted.ts'
import type { ServersParts } from './servers.ts'

/** One run of a server. Without a handle nothing was launched. */
export type Incarnation = {
  readonly instance: string
  readonly handle: Handle | null
  readonly host: string | null
}

type LaunchParts = Pick<
  ServersParts,
  'directories' | 'stateDir' | 'signer' | 'issuer' | 'idleMinutes' | 'spawner'
>

const settingsFor = (account: string, instance: string, parts: LaunchParts): SpawnSettings => {
  const stateDir = parts.stateDir?.(account)
  return {
    version: 1,
    account,
    instance,
    site: parts.directories(account),
    hubKeys: { keys: [...parts.signer.jwks().keys] },
    issuer: parts.issuer,
    idleMinutes: parts.idleMinutes,
    ...(stateDir === undefined ? {} : { stateDir }),
  }
}

/** `save` is awaited before anything is launched with what it is given; `say` is for those who wait. */
export const launch = async (
  account: string,
  first: Incarnation,
  parts: LaunchParts,
  save: (incarnation: Incarnation) => Promise<void>,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<Incarnation> => {
  let present = first
  const onProgress = async (event: StartProgress): Promise<void> => {
    if (event.handle !== undefined) {
      // After the end of this start nothing may be launched any more.
      signal.throwIfAborted()
      const { handle, host = present.host } = event
      present = { instance: handle.instance, handle, host }
      await save(present)
    }
    if (!signal.aborted) say(event.text)
  }
  const settings = settingsFor(account, first.instance, parts)
  const handle = await orAborted(parts.spawner(account).start(account, settings, onProgress, signal), signal)
  // It may have found one that an earlier hub had started, under the name that it has since then.
  return { ...present, instance: handle.instance, handle }
}
