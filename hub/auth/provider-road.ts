/** The way to the identity provider: what it may take in time and bytes, and when it counts as not there. */

/** Nobody answers, or the provider itself has trouble: told apart from an answer that is wrong. */
export class Unreachable extends Error {}

/** As openid-client and jose ask. */
export type ProviderFetch = (
  url: string,
  options: Omit<RequestInit, 'body' | 'signal'> & { body?: unknown; signal?: AbortSignal | undefined },
) => Promise<Response>

/** Keys, groups and tokens of the largest directories; what is more is no answer, bytes. */
const maxAnswer = 2 * 1024 * 1024

const readBody = async (response: Response): Promise<Uint8Array<ArrayBuffer>> => {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of response.body ?? []) {
    size += piece.byteLength
    if (size > maxAnswer) throw new Unreachable('the identity provider answered more than anybody asks for')
    pieces.push(piece)
  }
  return Uint8Array.from(Buffer.concat(pieces))
}

/** `timeout`: ms, for the whole answer. */
export const createProviderRoad = (parts: {
  readonly fetch: typeof globalThis.fetch
  readonly timeout: number
}): ProviderFetch => {
  /** What needs no credentials is the same for all who ask meanwhile. */
  const underWay = new Map<string, Promise<Response>>()

  const ask: ProviderFetch = async (url, options) => {
    try {
      const limit = AbortSignal.timeout(parts.timeout)
      const response = await parts.fetch(url, {
        ...(options as RequestInit),
        // It says where everything is; whatever else it points to was not configured.
        redirect: 'manual',
        signal: options.signal == null ? limit : AbortSignal.any([limit, options.signal]),
      })
      if (response.status >= 500) {
        await response.body?.cancel()
        throw new Unreachable(`the identity provider answered ${response.status}`)
      }
      const body = await readBody(response)
      const { status, statusText, headers } = response
      return new Response(status === 204 || status === 304 ? null : body, { status, statusText, headers })
    } catch (cause) {
      if (cause instanceof Unreachable) throw cause
      throw new Unreachable('the identity provider cannot be reached', { cause })
    }
  }

  return async (url, options) => {
    const isPublic = (options.method ?? 'GET') === 'GET' && !new Headers(options.headers).has('authorization')
    if (!isPublic) return ask(url, options)
    const known = underWay.get(url) ?? ask(url, options).finally(() => underWay.delete(url))
    underWay.set(url, known)
    return (await known).clone()
  }
}
