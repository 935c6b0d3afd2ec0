/** What the provider says of a person's groups, asked again while they are here. */
import { SeneschalError } from '../../protocol/errors.ts'
import type { Clock, Log } from '../context.ts'
import { groupsFrom } from './claims.ts'
import type { Oidc } from './oidc.ts'
import type { Session, Sessions } from './sessions.ts'

export type ProviderGroups = {
  /**
   * Never older than the configured time, except while the provider cannot be asked. Throws `session.ended` where the
   * provider no longer knows the person's sign-in.
   */
  readonly of: (session: Session) => Promise<readonly string[]>
}

export type ProviderGroupsParts = {
  readonly sessions: Pick<Sessions, 'claimAsking' | 'tokensOf' | 'retell' | 'end' | 'byName'>
  readonly oidc: Pick<Oidc, 'again' | 'isDown'>
  /** The claim that lists them. */
  readonly claim: string
  /** How old they may get, ms. */
  readonly maxAge: number
  /** The provider ended these. */
  readonly onEnded: (ended: readonly Session[]) => Promise<void>
  readonly now: Clock
  readonly log: Log
}

/** Questions under way at once: after an outage everybody's are due. The others wait for their turn. */
const most = 16

/** At most so many at once, in the order in which they came. */
const createTurns = (count: number) => {
  const waiting: (() => void)[] = []
  let free = count
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}

/** Undefined for too many: whoever joins groups without end must not keep the one that they lost. */
const usableGroups = (claim: unknown): readonly string[] | undefined => {
  try {
    return groupsFrom(claim)
  } catch (thrown) {
    if (thrown instanceof SeneschalError && thrown.code === 'groups.too-many') return undefined
    throw thrown
  }
}

type Answer = { readonly groups: readonly string[] } | 'ended'

export const createProviderGroups = (parts: ProviderGroupsParts): ProviderGroups => {
  const { sessions, maxAge, now, log } = parts
  /** One question per session at a time, whoever waits for it. */
  const asking = new Map<string, Promise<Answer>>()
  const inTurn = createTurns(most)

  const question = async (session: Session): Promise<Answer> => {
    const unchanged = { groups: session.groups }
    if (!(await sessions.claimAsking(session.name))) return unchanged
    const kept = await sessions.tokensOf(session.name)
    if (kept === undefined) return unchanged
    const { tokens, stamp } = kept
    const answer = await parts.oidc.again(tokens, session.subject)
    const groups = answer.is === 'told' ? usableGroups(answer.claims[parts.claim]) : session.groups
    if (answer.is !== 'ended' && groups !== undefined) {
      if (await sessions.retell(session.name, { groups, tokens: answer.tokens, stamp })) return { groups }
    } else {
      const ended = await sessions.end({ name: session.name }, stamp)
      await parts.onEnded(ended)
      if (ended.length > 0) return 'ended'
    }
    // The person signed in once more while it was asked: what was said then counts.
    const since = await sessions.byName(session.name)
    return since === undefined ? 'ended' : { groups: since.groups }
  }
  let finding = false
  /** While the provider is down one question finds out that it is back; the others are asked after that. */
  const ask = async (session: Session): Promise<Answer> => {
    if (!parts.oidc.isDown()) return question(session)
    if (finding) return { groups: session.groups }
    finding = true
    try {
      return await question(session)
    } finally {
      finding = false
    }
  }
  const asked = (session: Session): Promise<Answer> => {
    const known = asking.get(session.name)
    if (known !== undefined) return known
    const started = inTurn(() => ask(session))
      // An outage changes nobody's groups.
      .catch((err: unknown) => {
        log.warn(
          { err, person: session.person },
          'the identity provider does not say what groups a person has',
        )
        return { groups: session.groups }
      })
      .finally(() => asking.delete(session.name))
    asking.set(session.name, started)
    return started
  }

  return {
    of: async (session) => {
      if (session.toldAt === null) return session.groups
      const age = now() - session.toldAt
      if (age < maxAge / 2) return session.groups
      const answer = asked(session)
      // In the second half nobody waits: the answer is there for the next who comes. Nor for a provider that is down.
      if (age < maxAge || parts.oidc.isDown()) return session.groups
      const told = await answer
      if (told === 'ended') throw new SeneschalError('session.ended')
      return told.groups
    },
  }
}
