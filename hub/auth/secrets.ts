/** Random secrets and their hashes. Only hashes are stored, and looked up by: no secret is compared in a query. */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

/** 256 random bits, base64url. */
export const newSecret = (): string => randomBytes(32).toString('base64url')
/** Whether it has the shape of one; anything else need not be looked up. */
export const isSecret = (value: string): boolean => /^[A-Za-z0-9_-]{43}$/.test(value)

export const hashOf = (secret: string): string => hash('sha256', secret)

/** Letters and digits that nobody confuses, one for each five bits. */
export const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** Random letters and digits that nobody confuses, five bits each: public names, codes that people type. */
export const randomWord = (length: number): string =>
  [...randomBytes(length)].map((byte) => alphabet[byte & 31]).join('')

/** Compares in a time that does not depend on where they differ. */
export const sameSecret = (a: string, b: string): boolean =>
  timingSafeEqual(Buffer.from(hashOf(a)), Buffer.from(hashOf(b)))
