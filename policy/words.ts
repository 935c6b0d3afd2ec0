/** A decision in words that somebody understands who has never seen the rules. */
import type { Decision } from './types.ts'

/** Where the rule stands that decided: `atmosphere_stage/account.yaml, line 2`; undefined where none did. */
export const placeOf = ({ file, line }: Pick<Decision, 'file' | 'line'>): string | undefined =>
  file === undefined ? undefined : line === undefined ? file : `${file}, line ${line}`

/** The reason, and where the rule stands. Names nobody but whoever asked, so that it may be said to them. */
export const tellDecision = (decision: Decision): string => {
  const place = placeOf(decision)
  return place === undefined ? decision.reason : `${decision.reason} The rule stands in ${place}.`
}
