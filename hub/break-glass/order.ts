/** What somebody with the passphrase orders: one person, one hub, so many minutes, one code. Signed as a whole. */
import { type KeyObject, sign, verify } from 'node:crypto'
import { z } from 'zod/mini'
import { personName } from '../../protocol/ids.ts'

/** The longest session without the provider, minutes. */
export const mostMinutes = 60
/** A code is good for so long, ms. */
export const codeMayWait = 5 * 60_000

const order = z.strictObject({
  v: z.literal(1),
  id: z.string().check(z.regex(/^[a-z0-9]{10}$/)),
  /** Public address of the hub that may believe it. */
  hub: z.string(),
  person: personName,
  minutes: z.number().check(z.int(), z.gte(1), z.lte(mostMinutes)),
  /** Hash of the code. */
  code: z.string(),
  /** When the code is no good any more, epoch ms. */
  until: z.number(),
})
export type Order = z.infer<typeof order>

export type SignedOrder = { readonly text: string; readonly signature: string }

export const signOrder = (value: Order, key: KeyObject): SignedOrder => {
  const text = JSON.stringify(value)
  return { text, signature: sign(null, Buffer.from(text), key).toString('base64url') }
}

/** Undefined for what the key did not sign. */
export const verifyOrder = ({ text, signature }: SignedOrder, key: KeyObject): Order | undefined => {
  if (!verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'))) return undefined
  const parsed = order.safeParse(JSON.parse(text))
  return parsed.success ? parsed.data : undefined
}
