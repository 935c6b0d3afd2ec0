/** Tokens and kiosks whose time is over: their sockets close and it is recorded, each once. */
import { closeCodes } from '../../protocol/frames.ts'
import { tokenSession } from '../../protocol/script-tokens.ts'
import type { Audit, LiveSockets, Log } from '../context.ts'
import { type Kiosks, kioskPerson } from './kiosks.ts'
import type { ScriptTokens } from './tokens.ts'

type Ending = {
  readonly live: Pick<LiveSockets, 'close'>
  readonly audit: Pick<Audit, 'record'>
  readonly log: Log
}

export const endTokens = async ({
  tokens,
  live,
  audit,
  log,
}: Ending & { readonly tokens: Pick<ScriptTokens, 'takeEnded'> }): Promise<void> => {
  for (const { token, name, person } of await tokens.takeEnded()) {
    const session = tokenSession(token)
    live.close((socket) => socket.session === session, closeCodes.sessionEnded)
    await audit
      .record({ event: 'token.expired', outcome: 'done', person, session, tail: `${name} (${token})` })
      // It is over all the same.
      .catch((err: unknown) => log.error({ err, token }, 'the end of a token was not recorded'))
  }
}

export const endKiosks = async ({
  kiosks,
  live,
  audit,
  log,
}: Ending & { readonly kiosks: Pick<Kiosks, 'takeEnded'> }): Promise<void> => {
  for (const { kiosk, name } of await kiosks.takeEnded()) {
    const person = kioskPerson(kiosk)
    live.close((socket) => socket.person === person, closeCodes.sessionEnded)
    await audit
      .record({ event: 'kiosk.expired', outcome: 'done', person, tail: name })
      .catch((err: unknown) => log.error({ err, kiosk }, 'the end of a kiosk was not recorded'))
  }
}
