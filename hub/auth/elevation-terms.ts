/** On which terms privileges are raised: what the hub's configuration says of the class, within what the sites allow. */
import { milliseconds } from '../../config/schemas.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import type { ElevationClass } from '../../protocol/permissions.ts'
import type { HubConfig } from '../config.ts'
import type { PolicyView } from '../context.ts'

export type ElevationTerms = {
  /** At most, ms. */
  readonly longest: number
  readonly reasonRequired: boolean
  /** What the provider is asked for, such as a second factor; one of these words has to come back. */
  readonly acrValues: string | undefined
}

export type TermsParts = {
  readonly config: Pick<HubConfig, 'elevation' | 'provider'>
  readonly policy: Pick<PolicyView, 'longestElevation'>
}

export const elevationTerms = ({ config, policy }: TermsParts, raised: ElevationClass): ElevationTerms => {
  const { elevation, provider } = config
  const own = elevation[raised]
  const longest = milliseconds(own?.duration ?? elevation.duration)
  return {
    longest: Math.min(longest, policy.longestElevation(raised) ?? longest),
    reasonRequired: own?.reasonRequired ?? elevation.reasonRequired,
    acrValues: own?.acrValues ?? provider.acrValues,
  }
}

/** The reason as it is recorded; throws where one is asked for and there is none. */
export const checkedReason = (terms: ElevationTerms, given: string | undefined): string | null => {
  const reason = given?.trim() || null
  if (terms.reasonRequired && reason === null)
    throw new SeneschalError('input.invalid', 'This site asks for a reason.')
  return reason
}
