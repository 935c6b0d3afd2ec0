/**
 * Sums of what is copied. Between two processes SHA-256: one side is not believed by the other. Where one process reads
 * and writes, its sums only say later whether the disk still has what was written, after a reboot or before a large
 * file goes on; for that CRC-32 will do, which takes a third of the time.
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

export type SumKind = 'sha256' | 'crc32'

export type Sum = {
  readonly update: (data: Buffer) => void
  /** Another one that goes on from here. */
  readonly copy: () => Sum
  /** SHA-256 in hex, or `crc32:` and eight digits. */
  readonly digest: () => string
}

const sha256 = (hash = createHash('sha256')): Sum => ({
  update: (data) => void hash.update(data),
  copy: () => sha256(hash.copy()),
  digest: () => hash.copy().digest('hex'),
})

const crc = (start = 0): Sum => {
  let value = start
  return {
    update: (data) => {
      value = crc32(data, value)
    },
    copy: () => crc(value),
    digest: () => `crc32:${value.toString(16).padStart(8, '0')}`,
  }
}

export const createSum = (kind: SumKind): Sum => (kind === 'crc32' ? crc() : sha256())

/** Of the kind that a digest is of: a manifest may have been begun by a version that knew one alone. */
export const kindOf = (digest: string): SumKind => (digest.startsWith('crc32:') ? 'crc32' : 'sha256')

export const sumOf = (kind: SumKind, content: Buffer): string => {
  const sum = createSum(kind)
  sum.update(content)
  return sum.digest()
}
