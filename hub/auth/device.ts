/**
 * Signing in and raising privileges from a command line: the provider's device flow (RFC 8628). The person opens the
 * provider's page in any browser; the hub waits there for the answer, the command line waits at the hub. What is under
 * way is in memory alone: after a restart of the hub it is begun again.
 */
import { SeneschalError } from '../../protocol/errors.ts'
import type { ElevationClass } from '../../protocol/permissions.ts'
import type { Clock } from '../context.ts'
import type { Identity } from './identity.ts'
import type { DeviceCode, Oidc } from './oidc.ts'
import { hashOf, isSecret, newSecret } from './secrets.ts'

export type DeviceWish =
  | { readonly kind: 'sign-in' }
  | {
      readonly kind: 'elevation'
      /** Name of the session that is to be raised. */
      readonly session: string
      readonly class: ElevationClass
      readonly reason: string | null
      /** ms; null for as long as may be. */
      readonly duration: number | null
      readonly acrValues: string | undefined
    }

export type DeviceStart = Omit<DeviceCode, 'finish'> & {
  /** Who knows it gets the answer. */
  readonly device: string
}
export type DeviceEnd = {
  readonly wish: DeviceWish
  readonly identity: Identity
  /** From the request to the answer, ms, as this hub measured it. */
  readonly elapsed: number
}

export type Devices = {
  readonly begin: (wish: DeviceWish) => Promise<DeviceStart>
  /** For which session, if any; throws `auth.state-invalid` for one that is not under way. */
  readonly wishOf: (device: string) => DeviceWish
  /** Undefined while the person is still there; the answer is given once. Throws what kept them from it. */
  readonly end: (device: string) => Promise<DeviceEnd | undefined>
  readonly close: () => void
}

/** Under way at once; each waits at the provider. */
const most = 200
/** An answer that nobody fetches is forgotten, ms. */
const keptFor = 60_000

type Under = {
  readonly wish: DeviceWish
  readonly abort: AbortController
  /** Set once the provider answered. */
  settled?:
    | { readonly at: number; readonly end: DeviceEnd }
    | { readonly at: number; readonly thrown: unknown }
}

export const createDevices = (parts: {
  readonly oidc: Pick<Oidc, 'device'>
  readonly now: Clock
}): Devices => {
  const { oidc, now } = parts
  const under = new Map<string, Under>()

  const prune = (): void => {
    for (const [key, { settled }] of under)
      if (settled !== undefined && now() - settled.at > keptFor) under.delete(key)
  }
  const find = (device: string): Under => {
    const found = isSecret(device) ? under.get(hashOf(device)) : undefined
    if (found === undefined) throw new SeneschalError('auth.state-invalid')
    return found
  }

  return {
    begin: async (wish) => {
      prune()
      if (under.size >= most) throw new SeneschalError('rate.limited')
      const device = newSecret()
      const entry: Under = { wish, abort: new AbortController() }
      // It counts from here on, also while the provider is asked.
      under.set(hashOf(device), entry)
      const began = now()
      try {
        const { finish, ...shown } = await oidc.device(
          wish.kind === 'elevation' ? { acrValues: wish.acrValues } : undefined,
        )
        finish(entry.abort.signal).then(
          (identity) => {
            entry.settled = { at: now(), end: { wish, identity, elapsed: now() - began } }
          },
          (thrown: unknown) => {
            entry.settled = { at: now(), thrown }
          },
        )
        return { device, ...shown }
      } catch (thrown) {
        under.delete(hashOf(device))
        throw thrown
      }
    },
    wishOf: (device) => find(device).wish,
    end: async (device) => {
      const { settled } = find(device)
      if (settled === undefined) return undefined
      under.delete(hashOf(device))
      if ('thrown' in settled) throw settled.thrown
      return settled.end
    },
    close: () => {
      for (const { abort } of under.values()) abort.abort()
      under.clear()
    },
  }
}
