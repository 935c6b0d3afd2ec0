/** What people call the browser that a session is in. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandLineDevice } from '../../protocol/sessions.ts'
import { deviceName } from '../../web/model/device.ts'

const chrome =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36'

test('browsers that claim to be several are called what they are', () => {
  for (const [said, name] of [
    [chrome, 'Chrome on Linux'],
    [`${chrome} Edg/131.0`, 'Edge on Linux'],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0', 'Firefox on Linux'],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
      'Safari on iOS',
    ],
    [
      'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.36',
      'Chrome on Android',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15',
      'Safari on macOS',
    ],
    [commandLineDevice, 'Command line'],
  ] as const)
    assert.equal(deviceName(said), name)
})

test('what says nothing is unknown, and what says something else is shown as it is, not without end', () => {
  assert.equal(deviceName(null), 'Unknown browser')
  assert.equal(deviceName(' '), 'Unknown browser')
  assert.equal(deviceName('curl/8.9.1'), 'curl/8.9.1')
  assert.equal(deviceName('x'.repeat(200)).length, 40)
})
