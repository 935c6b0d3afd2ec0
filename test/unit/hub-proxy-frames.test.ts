import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closeFrame, createFrameBoundaries, maskedText } from '../../hub/proxy/websocket-frames.ts'

/** An unmasked frame with so much payload, its length written in the shortest way. */
const frameOf = (opcode: number, size: number): Buffer => {
  const payload = Buffer.alloc(size, 0x81)
  const first = 0x80 | opcode
  if (size < 126) return Buffer.concat([Buffer.from([first, size]), payload])
  const head = Buffer.alloc(size <= 0xffff ? 4 : 10)
  head[0] = first
  head[1] = size <= 0xffff ? 126 : 127
  if (size <= 0xffff) head.writeUInt16BE(size, 2)
  else head.writeBigUInt64BE(BigInt(size), 2)
  return Buffer.concat([head, payload])
}

test('the ends of frames are found however the bytes are cut', () => {
  const frames = [1, 0, 125, 126, 300, 70_000, 2].map((size) => frameOf(size === 2 ? 9 : 1, size))
  const all = Buffer.concat(frames)
  const ends = new Set<number>()
  let end = 0
  for (const each of frames) {
    end += each.length
    ends.add(end)
  }
  for (const step of [1, 2, 3, 7, 64, 1000, 65_536, all.length]) {
    const boundaries = createFrameBoundaries(false)
    let last = 0
    for (let at = 0; at < all.length; at += step) {
      const piece = all.subarray(at, at + step)
      const within = boundaries.push(piece)
      if (within > 0) last = at + within
      assert.ok(within === 0 || ends.has(last), `step ${step}: ${last} is no end`)
      assert.equal(boundaries.between(), ends.has(at + piece.length), `step ${step} at ${at}`)
    }
    assert.equal(last, all.length)
    assert.equal(boundaries.closing(), false)
  }
})

test('a close is seen by its first byte, from either side, and nothing behind it is read', () => {
  const down = createFrameBoundaries(false)
  const text = frameOf(1, 3)
  assert.equal(down.push(Buffer.concat([text, closeFrame(4001).subarray(0, 1)])), text.length)
  assert.equal(down.closing(), true)
  assert.equal(down.push(frameOf(1, 3)), 0)
  assert.equal(down.between(), true)
  const up = createFrameBoundaries(true)
  up.push(maskedText('hello', Buffer.from([1, 2, 3, 4])))
  assert.equal(up.closing(), false)
  up.push(Buffer.from([0x88, 0x80, 1, 2, 3, 4]))
  assert.equal(up.closing(), true)
})

test('what is no frame is refused: reserved bits and kinds, wrong masks, long control frames', () => {
  const lies = [
    [0xc1, 0x01, 0x61],
    [0x83, 0x00],
    [0x81, 0x81, 0, 0, 0, 0, 0x61],
    [0x89, 0x7e, 0, 200],
    [0x09, 0x00],
    [0x81, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  ]
  for (const lie of lies)
    assert.throws(() => createFrameBoundaries(false).push(Uint8Array.from(lie)), RangeError, String(lie))
  assert.throws(() => createFrameBoundaries(true).push(frameOf(1, 3)), RangeError)
})
