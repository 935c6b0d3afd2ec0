/** What a failure on the way to a server says about the server itself: mostly nothing. */
import { asSeneschalError, type ErrorCode, SeneschalError } from '../../protocol/errors.ts'

/** It may be tried again as soon as the host is there: nothing was started, so nothing is spared by waiting. */
export const onTheRoad: ReadonlySet<string> = new Set<ErrorCode>(['host.unreachable', 'lost.connection'])

/** Nothing was launched, and whoever would end it had to wait for the same failure again. */
export const beyondReach: ReadonlySet<ErrorCode> = new Set([
  'agent.missing',
  'agent.version',
  'host.key-unknown',
  'host.unreachable',
  'ssh.auth-failed',
])

/** A question that took too long says that it did. */
export const troubleOf = (thrown: unknown): SeneschalError =>
  thrown instanceof DOMException && thrown.name === 'TimeoutError'
    ? new SeneschalError('server.timeout', undefined, { cause: thrown })
    : asSeneschalError(thrown)
