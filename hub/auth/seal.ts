/** Keeps what must be read again, unlike a hash, from whoever reads the database: AES-256-GCM under a key beside it. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureDir, errnoOf, writeNewFile } from '../../durable/files.ts'
import { SeneschalError } from '../../protocol/errors.ts'

export type Seal = {
  /** `about`: what it belongs to; it opens with the same alone. */
  readonly close: (text: string, about: string) => string
  /** Undefined for what another key sealed, was changed, or belongs to something else. */
  readonly open: (sealed: string, about: string) => string | undefined
}

const cipher = 'aes-256-gcm'
const keyBytes = 32
const ivBytes = 12
const tagBytes = 16

export const createSeal = (key: Buffer): Seal => ({
  close: (text, about) => {
    const iv = randomBytes(ivBytes)
    const made = createCipheriv(cipher, key, iv).setAAD(Buffer.from(about))
    const body = Buffer.concat([made.update(text, 'utf8'), made.final()])
    return Buffer.concat([iv, made.getAuthTag(), body]).toString('base64url')
  },
  open: (sealed, about) => {
    const bytes = Buffer.from(sealed, 'base64url')
    if (bytes.length < ivBytes + tagBytes) return undefined
    const opened = createDecipheriv(cipher, key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
      .setAAD(Buffer.from(about))
      .setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
    try {
      const body = bytes.subarray(ivBytes + tagBytes)
      return Buffer.concat([opened.update(body), opened.final()]).toString('utf8')
    } catch {
      return undefined
    }
  },
})

const keyFile = 'store.key'

/** The key in the hub's directory of keys; made when there is none. */
export const openSeal = async (keys: string): Promise<Seal> => {
  await ensureDir(keys, { mode: 0o700 })
  const path = join(keys, keyFile)
  await writeNewFile(path, `${randomBytes(keyBytes).toString('base64')}\n`, { mode: 0o600 }).catch(
    (thrown: unknown) => {
      if (errnoOf(thrown) !== 'EEXIST') throw thrown
    },
  )
  const key = Buffer.from(await readFile(path, 'utf8'), 'base64')
  if (key.length !== keyBytes)
    throw new SeneschalError('config.invalid', `${path} holds no key; without it a new one is made.`)
  return createSeal(key)
}
