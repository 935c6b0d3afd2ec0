/** The hub's signing key, and what it signs: assertions for UI servers, grants for the daemon. */
import type { Signer } from './context.ts'

export type SignerParts = {
  /** Directory of keys, 0700; a key is made at the first start. */
  readonly keys: string
  /** `iss`: the hub's public address. */
  readonly issuer: string
  /** Audience of grants. */
  readonly site: string
  /** The clock by which elevations end. */
  readonly now: () => number
  /** This host's own clock: tokens are compared with the clocks of other hosts. */
  readonly wall: () => number
}

export type CreateSigner = (parts: SignerParts) => Promise<Signer>
