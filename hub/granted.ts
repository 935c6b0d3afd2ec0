/** Requests that this hub granted in the last hour: known here before the daemon says how they ended. */
import type { Clock } from './context.ts'

export type GrantedRequest = {
  readonly id: string
  readonly person: string
  readonly account: string
  readonly workflow: string | undefined
}

export type Granted = {
  readonly add: (request: GrantedRequest) => void
  readonly get: (id: string) => GrantedRequest | undefined
}

const kept = 60 * 60_000

export const createGranted = (parts: { readonly now: Clock }): Granted => {
  /** In the order of their coming, so that the oldest are found first. */
  const known = new Map<string, { readonly at: number; readonly request: GrantedRequest }>()
  const forgetOld = () => {
    const oldest = parts.now() - kept
    for (const [id, { at }] of known) {
      if (at > oldest) return
      known.delete(id)
    }
  }
  return {
    add: (request) => {
      forgetOld()
      known.set(request.id, { at: parts.now(), request })
    },
    get: (id) => {
      forgetOld()
      return known.get(id)?.request
    },
  }
}
