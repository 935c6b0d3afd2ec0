/** The hub's signing key, and what it signs: assertions for UI servers, grants for the daemon. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod/mini'
import { ensureDir, readJsonFile, writeFileAtomic, writeNewFile } from '../durable/files.ts'
import { lockOrderLifetime, lockOrderType } from '../protocol/locks.ts'
import { scopeWithin } from '../protocol/script-tokens.ts'
import {
  assertionLifetime,
  assertionType,
  type Elevation,
  grantLifetime,
  grantType,
} from '../protocol/tokens.ts'
import { createCheckpointSigner } from '../wire/checkpoints.ts'
import { createSigner as createTokenSigner, generateKey } from '../wire/tokens.ts'
import type { Signer } from './context.ts'
import type { Vouched } from './vouched.ts'

export type SignerParts = {
  /** Directory of keys, 0700; a key is made at the first start. */
  readonly keys: string
  /** `iss`: the hub's public address. */
  readonly issuer: string
  /** The hub's own name, for the record. */
  readonly name: string
  /** Audience of grants: the site of the daemon that serves the account. */
  readonly siteOf: (account: string) => string
  readonly vouched: Vouched
  /** The clock by which elevations end. */
  readonly now: () => number
  /** This host's own clock: tokens are compared with the clocks of other hosts. */
  readonly wall: () => number
}

const accountOf = (audience: string): string => audience.split('/', 1)[0] ?? ''

const publicJwk = z.looseObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  kid: z.string(),
})
const jwk = z.extend(publicJwk, { d: z.string() })

/** Private, 0600. */
const keyFile = 'hub.jwk.json'
/** The public halves, for whoever copies them to the daemon's pinned keys. */
export const jwksFile = 'jwks.json'

const readKey = async (file: string) => {
  const known = await readJsonFile(file, jwk)
  if (known !== undefined) return known
  const made = await generateKey()
  // Not replaced should another hub have been faster: then its key is the one that counts.
  await writeNewFile(file, `${JSON.stringify(made)}\n`, { mode: 0o600 }).catch((thrown: unknown) => {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown
  })
  return (await readJsonFile(file, jwk)) ?? made
}

/** Keys of before, private or public: what they signed is believed as long as they lie there. */
const readRetired = async (dir: string) => {
  await ensureDir(dir, { mode: 0o700 })
  const names = (await readdir(dir)).filter((name) => name.endsWith('.jwk.json')).toSorted()
  const keys = await Promise.all(names.map((name) => readJsonFile(join(dir, name), publicJwk)))
  return keys.filter((key) => key !== undefined)
}

export const createSigner = async (parts: SignerParts): Promise<Signer> => {
  const { vouched } = parts
  await ensureDir(parts.keys, { mode: 0o700 })
  const key = await readKey(join(parts.keys, keyFile))
  const checkpoint = await createCheckpointSigner(key)
  const signer = await createTokenSigner(key, await readRetired(join(parts.keys, 'retired')))
  await writeFileAtomic(join(parts.keys, jwksFile), `${JSON.stringify(signer.jwks(), null, 2)}\n`, {
    mode: 0o644,
  })
  const lifetime = (ms: number) => {
    const iat = Math.floor(parts.wall() / 1000)
    return { iat, exp: iat + ms / 1000 }
  }
  /** Told in the time of other hosts: the hub's own clock may be ahead of it after a step back. */
  const elevation = (held: Elevation | null): Elevation | null =>
    held === null ? null : { class: held.class, until: held.until - (parts.now() - parts.wall()) }
  return {
    jwks: () => ({ keys: signer.jwks().keys.map((key) => ({ ...key })) }),
    groupsFor: vouched.toServer,
    checkpoint,
    // Both are async so that what they refuse rejects.
    assertion: async (viewer, audience) =>
      signer.sign(assertionType, {
        iss: parts.issuer,
        aud: audience,
        sub: viewer.person,
        groups: vouched.toServer(viewer, accountOf(audience)),
        session: viewer.session,
        elevation: elevation(viewer.elevation),
        ...(viewer.scope === undefined ? {} : { scope: scopeWithin(viewer.scope, accountOf(audience)) }),
        ...lifetime(assertionLifetime),
      }),
    lockOrder: async ({ id, site, version, locks }) =>
      signer.sign(lockOrderType, {
        iss: parts.issuer,
        aud: site,
        sub: parts.name,
        version,
        locks,
        ...lifetime(lockOrderLifetime),
        jti: id,
      }),
    grant: async (viewer, request) =>
      signer.sign(grantType, {
        iss: parts.issuer,
        aud: parts.siteOf(request.ask.account),
        sub: viewer.person,
        groups: vouched.toDaemon(viewer, request.ask),
        session: viewer.session,
        elevation: elevation(viewer.elevation),
        ...(request.reason === undefined ? {} : { reason: request.reason }),
        policy: request.policy,
        audit: request.audit,
        request: request.ask,
        ...lifetime(grantLifetime),
        jti: request.id,
      }),
  }
}
