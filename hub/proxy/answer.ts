/**
 * What of a UI server's answer reaches the browser: data of known types under few statuses, with headers that the
 * hub chose. A hostile account can neither run script in a viewer's session nor move or mark the browser.
 */
const statuses: ReadonlySet<number> = new Set([200, 204, 206, 304, 400, 403, 404, 409, 416, 429, 503])

/** Type as the UI server says it → as the browser is told. */
const types: Readonly<Record<string, string>> = {
  'application/json': 'application/json; charset=utf-8',
  'application/x-ndjson': 'application/x-ndjson; charset=utf-8',
  'text/plain': 'text/plain; charset=utf-8',
  'application/octet-stream': 'application/octet-stream',
}

const passed: Readonly<Record<string, RegExp>> = {
  'content-length': /^[0-9]{1,15}$/,
  'content-range': /^bytes (?:[0-9]{1,15}-[0-9]{1,15}|\*)\/(?:[0-9]{1,15}|\*)$/,
  'accept-ranges': /^(?:bytes|none)$/,
  etag: /^(?:W\/)?"[\x21\x23-\x7e]{0,128}"$/,
  'last-modified': /^[A-Za-z0-9 ,:+-]{1,40}$/,
}

const fixed = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "sandbox; default-src 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const

const typeOf = (value: string): string | undefined => {
  const [type, ...parameters] = value.split(';').map((part) => part.trim().toLowerCase())
  const known = type !== undefined && Object.hasOwn(types, type) ? types[type] : undefined
  return parameters.every((parameter) => parameter === 'charset=utf-8') ? known : undefined
}

const bodyless = (status: number) => status === 204 || status === 304

/** The headers to send; undefined where the answer may not be passed on at all. */
export const presentAnswer = (
  status: number,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Readonly<Record<string, string>> | undefined => {
  if (!statuses.has(status)) return undefined
  // The hub asks for no encoding, so what claims one is not what it seems.
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity')
    return undefined
  const answer: Record<string, string> = { ...fixed }
  const type = headers['content-type']
  if (typeof type === 'string') {
    const known = typeOf(type)
    if (known === undefined) return undefined
    answer['content-type'] = known
  } else if (type !== undefined || !(bodyless(status) || headers['content-length'] === '0')) return undefined
  for (const [name, pattern] of Object.entries(passed)) {
    const value = headers[name]
    if (typeof value === 'string' && pattern.test(value)) answer[name] = value
  }
  return answer
}
