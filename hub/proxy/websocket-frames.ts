/**
 * As much of RFC 6455 as a pipe needs: where frames begin and end, which of them close, and how to write the two
 * kinds that the hub says itself. Payloads are never looked at.
 */

export const CLOSE = 8

export type FrameBoundaries = {
  /**
   * Takes the next bytes of one direction; returns the offset behind the last whole frame in them, 0 where they end
   * none. Reads nothing from the first byte of a close frame on. Throws a RangeError for what is no frame.
   */
  readonly push: (bytes: Uint8Array) => number
  /** Whether the bytes so far end exactly with a frame. */
  readonly between: () => boolean
  /** Whether a close frame began. */
  readonly closing: () => boolean
}

const opcodes: ReadonlySet<number> = new Set([0, 1, 2, CLOSE, 9, 10])

/** `masked`: whether frames of this direction must be (browsers' are, servers' are not). */
export const createFrameBoundaries = (masked: boolean): FrameBoundaries => {
  const header = new Uint8Array(14)
  let have = 0
  let need = 2
  /** Payload bytes still to come; 0 while a header is being read. */
  let payload = 0
  let closing = false

  const headerLength = (): number => {
    const [first = 0, second = 0] = header
    const opcode = first & 0x0f
    if ((first & 0x70) !== 0 || !opcodes.has(opcode)) throw new RangeError('not a frame')
    if ((second & 0x80) !== (masked ? 0x80 : 0)) throw new RangeError('wrongly masked')
    const length = second & 0x7f
    if (opcode >= CLOSE && (length > 125 || (first & 0x80) === 0)) throw new RangeError('not a control frame')
    return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (masked ? 4 : 0)
  }
  const payloadLength = (): number => {
    const view = new DataView(header.buffer)
    const length = (header[1] ?? 0) & 0x7f
    if (length < 126) return length
    if (length === 126) return view.getUint16(2)
    const long = view.getBigUint64(2)
    if (long > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError('too long a frame')
    return Number(long)
  }

  return {
    push: (bytes) => {
      let at = 0
      let end = 0
      while (at < bytes.length && !closing) {
        if (payload > 0) {
          const taken = Math.min(payload, bytes.length - at)
          payload -= taken
          at += taken
          if (payload === 0) end = at
          continue
        }
        // Final and nothing else: what merely looks like one is no frame.
        if (have === 0 && bytes[at] === (0x80 | CLOSE)) {
          closing = true
          break
        }
        header[have] = bytes[at] ?? 0
        have += 1
        at += 1
        if (have === 2) need = headerLength()
        if (have < need) continue
        payload = payloadLength()
        have = 0
        need = 2
        if (payload === 0) end = at
      }
      return end
    },
    between: () => payload === 0 && have === 0,
    closing: () => closing,
  }
}

/** A close frame of a server. */
export const closeFrame = (code: number): Buffer =>
  Buffer.from([0x80 | CLOSE, 2, (code >> 8) & 0xff, code & 0xff])

/** A text frame of a client; `mask` is four random bytes. */
export const maskedText = (text: string, mask: Uint8Array): Buffer => {
  const payload = Buffer.from(text)
  const head = payload.length < 126 ? Buffer.alloc(2) : Buffer.alloc(4)
  head[0] = 0x81
  if (payload.length < 126) head[1] = 0x80 | payload.length
  else if (payload.length <= 0xffff) {
    head[1] = 0x80 | 126
    head.writeUInt16BE(payload.length, 2)
  } else throw new RangeError('too long a text')
  for (let index = 0; index < payload.length; index += 1)
    payload[index] = (payload[index] ?? 0) ^ (mask[index % 4] ?? 0)
  return Buffer.concat([head, mask, payload])
}
