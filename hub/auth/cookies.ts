/**
 * The hub's cookies. `__Host-` binds them to this origin and path `/`, so that no sibling domain can set one;
 * should a browser still send the same name twice, neither is believed.
 */

export const sessionCookie = '__Host-seneschal'
export const kioskCookie = '__Host-seneschal-kiosk'
/** Ties a sign-in to the browser that started it, before there is a session. */
export const browserCookie = '__Host-seneschal-browser'

export type ReadCookie =
  | { readonly is: 'absent' }
  | { readonly is: 'ambiguous' }
  | { readonly is: 'given'; readonly value: string }

/** Names are compared exactly as RFC 6265 has it; values are ours, without quoting or escapes. */
export const readCookie = (header: string | undefined, name: string): ReadCookie => {
  if (header === undefined) return { is: 'absent' }
  const values = header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
  const [value] = values
  if (value === undefined) return { is: 'absent' }
  return values.length > 1 ? { is: 'ambiguous' } : { is: 'given', value }
}

/** `maxAge` in seconds. */
export const setCookie = (name: string, value: string, maxAge: number): string =>
  `${name}=${value}; Path=/; Max-Age=${Math.floor(maxAge)}; HttpOnly; Secure; SameSite=Lax`

export const clearCookie = (name: string): string => setCookie(name, '', 0)
