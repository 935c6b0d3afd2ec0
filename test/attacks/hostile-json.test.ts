/** Row 22: JSON that is large, deep, ambiguous or not what it looks like. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { takeEntry } from '../../durable/inbox.ts'
import { parseStrictJson } from '../../durable/strict-json.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const lies: readonly (readonly [string, string | Uint8Array])[] = [
  ['a key twice', '{"user":"mel","user":"jacintar"}'],
  ['a key twice, once escaped', '{"user":"mel","\\u0075ser":"jacintar"}'],
  ['a key twice, deep inside', '{"a":[{"b":1,"b":2}]}'],
  ['__proto__', '{"args":{"__proto__":{"admin":true}}}'],
  ['__proto__, escaped', '{"\\u005f_proto__":1}'],
  ['17 levels', '['.repeat(17) + ']'.repeat(17)],
  ['30,000 levels', '['.repeat(30_000)],
  ['invalid UTF-8', Uint8Array.from([0x22, 0xc3, 0x28, 0x22])],
  ['a byte order mark', '\ufeff{}'],
  ['half a surrogate pair', '"\\ud800"'],
  ['a number that is no number', '{"n":1e999}'],
  ['a string that does not end', `"${'\\"'.repeat(30_000)}`],
  ['nothing', ''],
  ['two values', '{}{}'],
  ['a comment', '{/* */}'],
  ['a trailing comma', '{"a":1,}'],
  ['NaN', '{"a":NaN}'],
  ['a raw line break in a string', '"a\nb"'],
  ['NUL bytes', '{}\0\0'],
]

for (const [name, text] of lies)
  test(`${name} is refused`, () => {
    assert.throws(
      () => parseStrictJson(Buffer.from(text)),
      (error) => error instanceof SeneschalError && error.code === 'input.invalid',
    )
  })

test('16 levels are still taken', () => {
  assert.ok(parseStrictJson(Buffer.from('['.repeat(16) + ']'.repeat(16))))
})

test('a thousand oversize files are refused without being read into memory', async (t) => {
  const dir = await temporaryDirectory(t)
  await writeFile(join(dir, 'big.json'), `{"a":"${'x'.repeat(4 * 1024 * 1024)}"}`, { mode: 0o640 })
  const gid = process.getgid?.() ?? 0
  const before = process.memoryUsage().arrayBuffers
  for (let count = 0; count < 1000; count += 1) {
    const taken = await takeEntry(dir, 'big.json', { gid })
    assert.equal(taken.ok ? undefined : taken.code, 'input.too-large')
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 10 * 1024 * 1024)
})
