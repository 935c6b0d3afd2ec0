/** JSON from people whom nobody trusts: one text, one meaning, and nothing that grows. */
import { SeneschalError } from '../protocol/errors.ts'

const maxDepth = 16
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const stringPattern = /"[^"\\]*(?:\\.[^"\\]*)*"/y
const numberPattern = /-?\d[\d.eE+-]*/y
const colonPattern = /[ \t\r\n]*:/y

const refuse = (why: string): never => {
  throw new SeneschalError('input.invalid', why)
}

const match = (pattern: RegExp, text: string, at: number): string | undefined => {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

const decode = (bytes: Uint8Array): string => {
  try {
    return decoder.decode(bytes)
  } catch {
    return refuse('It is not UTF-8.')
  }
}

/** What JSON.parse would let pass. It checks the grammar itself afterwards, so this need not. */
const scan = (text: string): void => {
  const open: (Set<string> | undefined)[] = []
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]
    if (char === '{' || char === '[') {
      if (open.push(char === '{' ? new Set() : undefined) > maxDepth)
        refuse(`It is nested more than ${maxDepth} levels deep.`)
    } else if (char === '}' || char === ']') {
      open.pop()
    } else if (char === '"') {
      const token = match(stringPattern, text, at) ?? refuse(`The string at ${at} is not valid.`)
      at += token.length - 1
      const keys = open.at(-1)
      const isKey = keys !== undefined && match(colonPattern, text, at + 1) !== undefined
      checkString(token, isKey ? keys : undefined)
    } else if (char === '-' || (char !== undefined && char >= '0' && char <= '9')) {
      const token = match(numberPattern, text, at) ?? char
      if (!Number.isFinite(Number(token))) refuse(`The number at ${at} is not valid.`)
      at += token.length - 1
    }
  }
}

const checkString = (token: string, keys: Set<string> | undefined): void => {
  const value = parse(token)
  const text = typeof value === 'string' && value.isWellFormed() ? value : refuse('A string is not Unicode.')
  if (keys === undefined) return
  if (text === '__proto__') refuse('The key "__proto__" is not allowed.')
  if (keys.has(text)) refuse(`The key ${JSON.stringify(text)} stands there twice.`)
  keys.add(text)
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return refuse('It is not JSON.')
  }
}

/**
 * Throws `input.invalid` for invalid UTF-8, duplicate keys, `__proto__`, more than 16 levels, numbers that do not
 * fit, lone surrogates and whatever JSON.parse refuses. The caller bounds the size.
 */
export const parseStrictJson = (bytes: Uint8Array): unknown => {
  const text = decode(bytes)
  scan(text)
  return parse(text)
}
