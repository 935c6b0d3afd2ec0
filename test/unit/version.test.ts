import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { version } from '../../protocol/version.ts'

const root = dirname(dirname(import.meta.dirname))

test('the package, the program and the change log say the same version', () => {
  const stated = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  assert.equal(stated.version, version)
  assert.match(
    readFileSync(join(root, 'CHANGELOG.md'), 'utf8'),
    new RegExp(`^## ${version.replaceAll('.', '\\.')} `, 'm'),
  )
})
