/**
 * Assertions for reading, each used for a little while: signing one takes as long as passing a request on. One says
 * the same for as long as the viewer is the same, and every one still has most of its time before it.
 */
import type { Clock, Signer, Viewer } from '../context.ts'

export type Assertions = (viewer: Viewer, account: string, audience: string) => Promise<string>

/** Of the 60 s that one lives, ms. */
const usedFor = 15_000

export const createAssertions = (parts: {
  readonly signer: Pick<Signer, 'assertion' | 'groupsFor'>
  readonly now: Clock
}): Assertions => {
  /** In the order of their signing, so that the oldest are found first. */
  const signed = new Map<string, { readonly at: number; readonly token: Promise<string> }>()
  return async (viewer, account, audience) => {
    const at = parts.now()
    for (const [key, { at: since }] of signed) {
      if (at - since < usedFor) break
      signed.delete(key)
    }
    const { session, person, elevation } = viewer
    const groups = parts.signer.groupsFor(viewer, account)
    const key = JSON.stringify([session, person, groups, elevation, audience])
    const known = signed.get(key)
    if (known !== undefined) return known.token
    const token = parts.signer.assertion(viewer, audience)
    signed.set(key, { at, token })
    token.catch(() => signed.delete(key))
    return token
  }
}
