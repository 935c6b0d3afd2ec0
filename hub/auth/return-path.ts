/** Where a sign-in returns to: a place of this hub, whatever was asked for. */

const base = 'https://hub.invalid'

/**
 * A local absolute path with its query and fragment, or `/`. What browsers read as another host (`//host`,
 * `/\host`, a tab or newline between), what leaves by its encoding, and what would sign in again is `/`.
 */
export const localPath = (asked: unknown): string => {
  if (typeof asked !== 'string' || asked.length > 2000 || !asked.startsWith('/')) return '/'
  if (/[\\\p{Cc}\p{Zl}\p{Zp}]/u.test(asked) || !URL.canParse(asked, base)) return '/'
  const { origin, pathname, search, hash } = new URL(asked, base)
  if (origin !== base || /^\/(?:auth|api|u)(?:\/|$)/.test(pathname)) return '/'
  // After dots were resolved, `/.//host` is `//host`; a proxy that decodes would see the same in `/%2fhost`.
  if (/^\/(?:[/\\]|%(?:25)*(?:2f|5c|0[0-9a-f]))/i.test(pathname)) return '/'
  return pathname + search + hash
}

/** The path with one more query parameter. */
export const withQuery = (path: string, name: string, value: string): string => {
  const url = new URL(path, base)
  url.searchParams.set(name, value)
  return url.pathname + url.search + url.hash
}
