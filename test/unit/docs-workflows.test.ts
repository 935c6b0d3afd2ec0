/** Whoever copies a definition from the documentation has one that works. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readDefinition } from '../../daemon/definition.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/workflows.md'), 'utf8')
const definitions = [...page.matchAll(/^```yaml\n(.*?)^```/gms)]
  .map(([, text = '']) => text)
  .filter((text) => /^graph:/m.test(text))

test('the definitions in the documentation are valid, and nothing in them is probably not meant', () => {
  assert.ok(definitions.length >= 2)
  for (const text of definitions) assert.deepEqual(readDefinition(text, 'workflow.yaml').warnings, [])
})
