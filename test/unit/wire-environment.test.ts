import assert from 'node:assert/strict'
import { test } from 'node:test'
import { childEnvironment, thriftyAllocator } from '../../wire/environment.ts'

test('a child inherits what a login sets and nothing this process was told', () => {
  const child = childEnvironment({
    HOME: '/home/clouds',
    TZ: 'UTC',
    LANG: '',
    SENESCHAL_SECRET: 'x',
    SSH_AUTH_SOCK: '/tmp/agent',
    NODE_OPTIONS: '--require=/tmp/x',
    LD_PRELOAD: '/tmp/x.so',
    ...thriftyAllocator,
  })
  assert.deepEqual(child, { HOME: '/home/clouds', TZ: 'UTC', PATH: '/usr/local/bin:/usr/bin:/bin' })
})
