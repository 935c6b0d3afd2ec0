/**
 * The sealed key: an Ed25519 key under a passphrase (scrypt, AES-256-GCM) in a file of the hub's user alone. Opening it
 * is the proof that somebody may let a person in without the identity provider; the hub itself needs its public half
 * only, and never has the passphrase.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  scrypt,
} from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod/mini'
import { ensureDir, errnoOf, writeNewFile } from '../../durable/files.ts'
import { SeneschalError } from '../../protocol/errors.ts'

export const sealedKeyFile = 'break-glass.key'
/** A passphrase is written down and put into a safe: it need not be short. */
export const leastPassphrase = 16

/** About half a second and 128 MiB for each guess. */
const cost = { N: 2 ** 17, r: 8, p: 1 } as const
const maxmem = 256 * 1024 * 1024
const cipher = 'aes-256-gcm'

const base64url = z.string().check(z.regex(/^[A-Za-z0-9_-]+$/))
const sealed = z.strictObject({
  v: z.literal(1),
  /** `x` of the public key as a JWK. */
  public: base64url,
  salt: base64url,
  iv: base64url,
  tag: base64url,
  key: base64url,
})
type Sealed = z.infer<typeof sealed>

const derive = promisify<string, Buffer, number, object, Buffer>(scrypt)
const keyOf = (passphrase: string, salt: Buffer): Promise<Buffer> =>
  derive(passphrase.normalize('NFC'), salt, 32, { ...cost, maxmem })

const refused = (detail: string, cause?: unknown) =>
  new SeneschalError('break-glass.refused', detail, cause === undefined ? undefined : { cause })

const publicOf = (x: string): KeyObject =>
  createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })

/** What the seal also holds together: nothing of it can be exchanged alone. */
const bound = ({ public: x, salt }: Pick<Sealed, 'public' | 'salt'>): Buffer =>
  Buffer.from(JSON.stringify(['seneschal break-glass', 1, x, salt]))

/** Makes the file; throws `break-glass.refused` where there is one, since whoever replaces it takes the door over. */
export const makeSealedKey = async (keys: string, passphrase: string): Promise<string> => {
  if (passphrase.length < leastPassphrase)
    throw refused(`The passphrase needs ${leastPassphrase} characters at least.`)
  const pair = generateKeyPairSync('ed25519')
  const { x = '' } = pair.publicKey.export({ format: 'jwk' })
  const [salt, iv] = [randomBytes(16), randomBytes(12)]
  const head = { public: x, salt: salt.toString('base64url') }
  const made = createCipheriv(cipher, await keyOf(passphrase, salt), iv).setAAD(bound(head))
  const key = Buffer.concat([
    made.update(pair.privateKey.export({ format: 'der', type: 'pkcs8' })),
    made.final(),
  ])
  const value: Sealed = {
    ...{ v: 1, ...head },
    iv: iv.toString('base64url'),
    tag: made.getAuthTag().toString('base64url'),
    key: key.toString('base64url'),
  }
  await ensureDir(keys, { mode: 0o700 })
  const path = join(keys, sealedKeyFile)
  await writeNewFile(path, `${JSON.stringify(value)}\n`, { mode: 0o600 }).catch((thrown: unknown) => {
    if (errnoOf(thrown) === 'EEXIST') throw refused(`${path} is there already: remove it to make another.`)
    throw thrown
  })
  return path
}

/** The file as it is; throws `break-glass.refused` where it is not there, or others could have had it in hand. */
const read = async (keys: string): Promise<Sealed> => {
  const path = join(keys, sealedKeyFile)
  let text: string
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    const stat = await file.stat()
    if (!stat.isFile() || stat.size > 4096) throw refused(`${path} is no sealed key.`)
    if ((stat.mode & 0o077) !== 0) throw refused(`Others can read or write ${path}: chmod 600 it.`)
    if (stat.uid !== process.geteuid?.()) throw refused(`${path} belongs to another user than this one.`)
    text = await file.readFile('utf8')
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT')
      throw refused('There is no sealed key: seneschal hub break-glass --set-up makes one.')
    if (errnoOf(thrown) === 'ELOOP') throw refused(`${path} is a link.`)
    throw thrown
  }
  try {
    return sealed.parse(JSON.parse(text))
  } catch (cause) {
    throw refused(`${path} is no sealed key.`, cause)
  }
}

/** The private half; throws `break-glass.refused` for a wrong passphrase and for a file that was changed. */
export const openSealedKey = async (keys: string, passphrase: string): Promise<KeyObject> => {
  const value = await read(keys)
  const bytes = (text: string) => Buffer.from(text, 'base64url')
  const secret = await keyOf(passphrase, bytes(value.salt))
  try {
    const opened = createDecipheriv(cipher, secret, bytes(value.iv), { authTagLength: 16 })
      .setAAD(bound(value))
      .setAuthTag(bytes(value.tag))
    const der = Buffer.concat([opened.update(bytes(value.key)), opened.final()])
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  } catch (cause) {
    throw refused('The passphrase is wrong, or the file was changed.', cause)
  }
}

/** The public half: by it the hub tells what somebody with the passphrase ordered. */
export const readPublicKey = async (keys: string): Promise<KeyObject> => publicOf((await read(keys)).public)
