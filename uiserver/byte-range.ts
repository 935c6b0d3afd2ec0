/** Which bytes of a file are asked for (RFC 9110, section 14): one range, or the last so many. */

export type ByteRange =
  /** `end` is the offset behind the last byte. */
  { readonly start: number; readonly end: number } | 'whole' | 'unsatisfiable'

const rangePattern = /^bytes=(\d{0,15})-(\d{0,15})$/

/** What is no single range of bytes is ignored, as the RFC allows. */
export const parseRange = (header: string | undefined, size: number): ByteRange => {
  const match = header === undefined ? null : rangePattern.exec(header)
  if (match === null) return 'whole'
  const [, first = '', last = ''] = match
  if (first === '') return last === '' ? 'whole' : lastBytes(Number(last), size)
  const start = Number(first)
  const end = last === '' ? size : Math.min(size, Number(last) + 1)
  if (last !== '' && Number(last) < start) return 'whole'
  return start >= size ? 'unsatisfiable' : { start, end }
}

/** Of an empty file there are none, which is all of it. */
export const lastBytes = (count: number, size: number): ByteRange => {
  if (count === 0) return 'unsatisfiable'
  return count >= size ? 'whole' : { start: size - count, end: size }
}
