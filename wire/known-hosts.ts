/** Host keys out of a known_hosts file, as sshd(8) describes it: names, patterns, hashed names, ports, markers. */
import { createHmac, timingSafeEqual } from 'node:crypto'

/** With a port that is not 22, OpenSSH writes `[name]:port`. */
const writtenAs = (host: string, port: number): string =>
  port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`

const isHashOf = (entry: string, name: string): boolean => {
  const [, version, salt, hash, more] = entry.split('|')
  if (version !== '1' || salt === undefined || hash === undefined || more !== undefined) return false
  const wanted = Buffer.from(hash, 'base64')
  const made = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest()
  return wanted.length === made.length && timingSafeEqual(wanted, made)
}

/** `*` and `?` alone mean something; matched step by step, so that no pattern takes long. */
const matches = (pattern: string, name: string): boolean => {
  let [at, from, star, resume] = [0, 0, -1, 0]
  while (from < name.length) {
    const wanted = pattern[at]
    if (wanted === '?' || (wanted !== '*' && wanted === name[from])) {
      at += 1
      from += 1
    } else if (wanted === '*') {
      star = at
      resume = from
      at += 1
    } else if (star >= 0) {
      at = star + 1
      resume += 1
      from = resume
    } else return false
  }
  return /^\**$/.test(pattern.slice(at))
}

/** A name after `!` rules the whole line out, wherever it stands. */
const isFor = (list: string, name: string): boolean => {
  if (list.startsWith('|')) return isHashOf(list, name)
  const patterns = list.toLowerCase().split(',')
  if (patterns.some((pattern) => pattern.startsWith('!') && matches(pattern.slice(1), name))) return false
  return patterns.some((pattern) => !pattern.startsWith('!') && matches(pattern, name))
}

/**
 * The host's keys as `TYPE BASE64`, without those that the file revokes for it. Authorities (`@cert-authority`) are
 * passed over: keys are pinned, certificates of hosts are not looked at.
 */
export const hostKeysIn = (text: string, host: string, port: number): readonly string[] => {
  const name = writtenAs(host, port)
  const good = new Set<string>()
  const revoked = new Set<string>()
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/)
    const marker = words[0]?.startsWith('@') === true ? words.shift() : undefined
    const [hosts, type, key] = words
    if (hosts === undefined || hosts.startsWith('#') || type === undefined || key === undefined) continue
    if (!isFor(hosts, name)) continue
    if (marker === undefined) good.add(`${type} ${key}`)
    else if (marker === '@revoked') revoked.add(`${type} ${key}`)
  }
  return [...good.difference(revoked)]
}
