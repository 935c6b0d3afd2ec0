import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkValue, type ObjectSchema, schemaSchema } from '../../protocol/json-schema.ts'

const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 2, maxLength: 4, pattern: '^[a-z]+$' },
    colour: { type: 'string', enum: ['red', 'blue'], default: 'red' },
    size: { type: 'integer', minimum: 1, maximum: 9 },
    share: { type: 'number' },
    fast: { type: 'boolean', default: false },
    list: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 2 },
    map: {
      type: 'object',
      additionalProperties: { type: 'object', properties: { deep: { type: 'integer' } } },
    },
  },
  required: ['name'],
} as const satisfies ObjectSchema

test('a value that fits comes back with its defaults, as a copy', () => {
  const value = { name: 'abc', size: 3, map: { one: { deep: 1 } } }
  const checked = checkValue(schema, value)
  assert.deepEqual(checked, { ok: true, value: { ...value, colour: 'red', fast: false } })
})

const faults: readonly (readonly [unknown, string])[] = [
  [{}, 'name is missing'],
  [null, 'It is not a map of names to values'],
  [[], 'It is not a map of names to values'],
  [{ name: 'a' }, 'name is shorter than 2 characters'],
  [{ name: 'abcde' }, 'name is longer than 4 characters'],
  [{ name: 'AB' }, 'name does not match ^[a-z]+$'],
  [{ name: 7 }, 'name is not a text'],
  [{ name: 'ab', colour: 'green' }, 'colour is none of red, blue'],
  [{ name: 'ab', size: 1.5 }, 'size is not an integer'],
  [{ name: 'ab', size: 2 ** 60 }, 'size is not an integer'],
  [{ name: 'ab', size: 0 }, 'size is less than 1'],
  [{ name: 'ab', size: 10 }, 'size is more than 9'],
  [{ name: 'ab', share: '1' }, 'share is not a number'],
  [{ name: 'ab', fast: 'yes' }, 'fast is neither true nor false'],
  [{ name: 'ab', list: 'a' }, 'list is not a list'],
  [{ name: 'ab', list: [] }, 'list has fewer than 1 entries'],
  [{ name: 'ab', list: ['a', 'b', 'c'] }, 'list has more than 2 entries'],
  [{ name: 'ab', list: [1] }, 'list[0] is not a text'],
  [{ name: 'ab', map: { one: { deep: 'x' } } }, 'map.one.deep is not an integer'],
  [{ name: 'ab', map: { one: { other: 1 } } }, 'there is no map.one.other'],
  [{ name: 'ab', other: 1 }, 'there is no other'],
  [{ name: 'ab', toString: 1 }, 'there is no toString'],
]

for (const [value, problem] of faults)
  test(`told: ${problem} (${JSON.stringify(value)})`, () => {
    assert.deepEqual(checkValue(schema, value), { ok: false, problems: [problem] })
  })

test('all that is wrong is told at once, and no value is repeated', () => {
  const checked = checkValue(schema, { name: 'SECRET', size: 'SECRET', other: 'SECRET' })
  assert.ok(!checked.ok)
  assert.equal(checked.problems.length, 3)
  assert.doesNotMatch(checked.problems.join(), /SECRET/)
})

test('a schema with a keyword that nobody would enforce is refused', () => {
  for (const lie of [
    { type: 'string', format: 'email' },
    { type: 'string', pattern: '(' },
    { type: 'object', properties: { 'a b': { type: 'string' } } },
    { type: 'object', patternProperties: {} },
    { type: 'object', additionalProperties: true },
    { type: ['string', 'null'] },
    { anyOf: [] },
  ])
    assert.equal(schemaSchema.safeParse(lie).success, false, JSON.stringify(lie))
  assert.equal(schemaSchema.safeParse(schema).success, true)
})
