/**
 * The token of a script: from a file that nobody else can read, or from the environment. Never an argument, which
 * everybody on the host sees.
 */
import { readFileSync, statSync } from 'node:fs'
import { SeneschalError } from '../../protocol/errors.ts'
import { tokenPattern } from '../../protocol/script-tokens.ts'
import type { Env } from './session-file.ts'

const mustBeToken = (text: string, from: string): string => {
  const token = text.trim()
  if (!tokenPattern.test(token)) throw new SeneschalError('token.invalid', `${from} holds no token.`)
  return token
}

/** Undefined where neither names one: then it is the session that counts. */
export const tokenFrom = (file: string | undefined, env: Env): string | undefined => {
  if (file !== undefined) {
    if ((statSync(file).mode & 0o077) !== 0)
      throw new SeneschalError('config.invalid', `Others can read ${file}: chmod 600 it.`)
    return mustBeToken(readFileSync(file, 'utf8'), file)
  }
  const { SENESCHAL_TOKEN: given } = env
  return given === undefined || given === '' ? undefined : mustBeToken(given, '$SENESCHAL_TOKEN')
}
