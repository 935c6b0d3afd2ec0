import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pluginArguments } from '../../cli/plugin-arguments.ts'
import { SeneschalError } from '../../protocol/errors.ts'

const plugin = {
  name: 'tool',
  positional: ['mode', 'files'],
  arguments: {
    type: 'object' as const,
    properties: {
      mode: { type: 'string' as const, enum: ['fast', 'slow'] },
      files: { type: 'array' as const, items: { type: 'string' as const } },
      level: { type: 'integer' as const },
      dry: { type: 'boolean' as const },
      extra: { type: 'object' as const, additionalProperties: { type: 'string' as const } },
    },
    required: ['mode'],
  },
}

const good: readonly (readonly [string, object])[] = [
  ['fast a b', { mode: 'fast', files: ['a', 'b'] }],
  ['--mode slow --files a --files=b', { mode: 'slow', files: ['a', 'b'] }],
  ['fast --level 3 a --dry b', { mode: 'fast', level: 3, files: ['a', 'b'], dry: true }],
  ['--no-dry fast', { mode: 'fast', dry: false }],
  ['--level=-3 fast', { mode: 'fast', level: -3 }],
  ['--mode fast -- --level -x', { mode: 'fast', files: ['--level', '-x'] }],
  ['fast -x -', { mode: 'fast', files: ['-x', '-'] }],
  ['fast --extra {"a":"b"}', { mode: 'fast', extra: { a: 'b' } }],
  ['fast --files=a=b=c --files=', { mode: 'fast', files: ['a=b=c', ''] }],
]

for (const [line, expected] of good)
  test(`seneschal submit tool ${line}`, () => {
    const words = line.split(' ')
    // After a named mode, the next word without a name is a file.
    const args = line.startsWith('--mode fast --')
      ? pluginArguments({ ...plugin, positional: ['files'] }, words)
      : pluginArguments(plugin, words)
    assert.deepEqual(args, expected)
  })

const bad: readonly (readonly [string, string, RegExp])[] = [
  ['', 'args.invalid', /mode is missing/],
  ['quick', 'args.invalid', /mode is none of fast, slow/],
  ['fast --level three', 'args.invalid', /level is not an integer/],
  ['fast --level', 'usage', /--level wants a value/],
  ['fast --level 1 --level 2', 'usage', /level was given twice/],
  ['fast --nothing 1', 'usage', /no argument nothing/],
  ['fast --toString 1', 'usage', /no argument toString/],
  ['fast --extra {', 'usage', /extra wants JSON/],
]

for (const [line, code, why] of bad)
  test(`seneschal submit tool ${line}: ${code}`, () => {
    assert.throws(
      () => pluginArguments(plugin, line.split(' ').filter(Boolean)),
      (error) => error instanceof SeneschalError && error.code === code && why.test(error.message),
    )
  })
