/** The hub's public keys, pinned in a file that the administrator wrote; read again when it changes. */
import { readFileSync, statSync } from 'node:fs'
import { errnoOf } from '../durable/files.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { createVerifier, type Verifier } from '../wire/tokens.ts'

const read = (file: string, issuer: string, now: () => number): Verifier => {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    const why =
      cause instanceof SyntaxError ? 'not a JWK set' : `cannot be read: ${errnoOf(cause) ?? String(cause)}`
    throw new SeneschalError('config.invalid', `${file}:1:1: ${why}.`, { cause })
  }
  if (typeof value !== 'object' || value === null || !('keys' in value) || !Array.isArray(value.keys))
    throw new SeneschalError('config.invalid', `${file}:1:1: not a JWK set.`)
  return createVerifier({ jwks: { keys: value.keys }, issuer, now })
}

/** Throws `config.invalid` where the keys cannot be read at first; later the last good ones stay. */
export const createHubKeys = (settings: {
  readonly file: string
  readonly issuer: string
  readonly now: () => number
  readonly onProblem: (error: unknown) => void
}): { readonly verifier: () => Verifier; readonly refresh: () => void } => {
  const stamp = (): string => {
    const { mtimeMs, ino, size } = statSync(settings.file)
    return `${mtimeMs} ${ino} ${size}`
  }
  // Before the content: what is written meanwhile is read again.
  let known = stamp()
  let verifier = read(settings.file, settings.issuer, settings.now)
  return {
    verifier: () => verifier,
    refresh: () => {
      try {
        const found = stamp()
        if (found === known) return
        verifier = read(settings.file, settings.issuer, settings.now)
        known = found
        settings.onProblem(null)
      } catch (error) {
        settings.onProblem(error)
      }
    },
  }
}
