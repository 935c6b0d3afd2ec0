/** The daemon's own state directory, for those who run it. */
import { stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { siteLayout } from '../daemon/layout.ts'
import { findHolder, type Holder } from '../daemon/lease/holder.ts'
import { errnoOf } from '../durable/files.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { bootId } from '../runners/processes.ts'

/**
 * Throws `usage` for whoever is not the service account: root too, because the daemon could not read what root writes
 * there.
 */
export const mustOwnState = async (root: string): Promise<string> => {
  const { state } = siteLayout(root)
  const found = await stat(state).catch((thrown: unknown) => {
    if (errnoOf(thrown) === 'ENOENT')
      throw new SeneschalError('usage', `${state} is not there: seneschal daemon setup.`)
    throw thrown
  })
  if (found.uid !== process.getuid?.())
    throw new SeneschalError(
      'usage',
      `${state} belongs to uid ${found.uid}: run this as that user (sudo -u '#${found.uid}').`,
    )
  return state
}

export const holderOf = async (state: string): Promise<Holder> =>
  findHolder(state, { host: hostname(), boot: await bootId(), now: Date.now() })

/** What the daemon on this state is told next time it looks, or at its next start. */
export const whenHeard = ({ lease, presence }: Holder): string =>
  presence === 'here' || presence === 'elsewhere'
    ? `seneschald on ${lease?.host} takes it up within a second.`
    : 'No seneschald runs: it counts from the next start.'
