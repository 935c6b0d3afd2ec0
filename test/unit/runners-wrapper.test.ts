import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { messageScript, wrapperScript } from '../../runners/wrapper.ts'

test('the job wrapper and seneschal-message are POSIX shell', () => {
  for (const [name, script] of Object.entries({ wrapperScript, messageScript })) {
    const checked = spawnSync('sh', ['-n'], { input: script, encoding: 'utf8' })
    assert.equal(checked.status, 0, `${name}: ${checked.stderr}`)
    assert.doesNotMatch(
      script,
      /\[\[|^\s*local\b|\bfunction\b|<<</m,
      `${name} uses a word that POSIX has not`,
    )
  }
})
