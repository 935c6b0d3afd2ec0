/**
 * What a token looks like: `sen_`, 52 characters of 5 random bits each, and 7 of a checksum. The checksum is no secret:
 * scanners tell by it that they found a real one, and a mistyped one costs no look into the database.
 */
import { crc32 } from 'node:zlib'
import { tokenPattern } from '../../protocol/script-tokens.ts'
import { alphabet, randomWord } from './secrets.ts'

const prefix = 'sen_'
const randomLength = 52
const checksumLength = 7

const checksumOf = (text: string): string => {
  let left = crc32(text)
  let word = ''
  for (let index = 0; index < checksumLength; index += 1) {
    word = `${alphabet[left & 31]}${word}`
    left >>>= 5
  }
  return word
}

export const newToken = (): string => {
  const body = `${prefix}${randomWord(randomLength)}`
  return `${body}${checksumOf(body)}`
}

export const isTokenShaped = (text: string): boolean =>
  tokenPattern.test(text) && checksumOf(text.slice(0, -checksumLength)) === text.slice(-checksumLength)
