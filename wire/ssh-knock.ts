/** Whether a host answers at all: asked over a connection of its own, without a key, and never past the greeting. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SshJump } from './ssh-jump.ts'

/** What a network says of a host that nobody hears; anything else was said by the host. */
const nobody: ReadonlySet<unknown> = new Set(['EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ETIMEDOUT'])

const codeOf = (thrown: unknown): unknown =>
  thrown instanceof Error && 'code' in thrown ? thrown.code : undefined

/**
 * Resolves with true where anything came back, be it a refusal, and with false where nothing did until the signal. A
 * refusal through a bastion may be the bastion's own, so there only a greeting counts.
 */
export const knock = async (
  at: { readonly host: string; readonly port: number; readonly jump?: SshJump | undefined },
  signal: AbortSignal,
): Promise<boolean> => {
  let stream: Duplex | undefined
  try {
    stream = at.jump === undefined ? connect(at.port, at.host) : await at.jump.open(at.host, at.port, signal)
    return await Promise.race([
      once(stream, 'data', { signal }).then(() => true),
      // Closed without a word: by the host itself, if nothing stands between.
      once(stream, 'close', { signal }).then(() => at.jump === undefined),
    ])
  } catch (thrown) {
    return at.jump === undefined && !signal.aborted && !nobody.has(codeOf(thrown))
  } finally {
    stream?.on('error', () => undefined)
    stream?.destroy()
  }
}
