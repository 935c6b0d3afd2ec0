/** Permissions as the page tells them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalogue, type PermissionAction } from '../../protocol/permissions.ts'
import { lineDiff, offsetOf, problemsIn, shortened, whoseWords } from '../../web/model/layers.ts'
import { matchRoute, pagePath, pathOf } from '../../web/routes.ts'

test('each place in a refusal is found, and leads to its character', () => {
  const told =
    'The permissions are not valid. permissions:2:1: unknown key reed\npermissions:3:8: "x:1:2: y" is not a principal'
  assert.deepEqual(problemsIn(told), [
    { line: 2, column: 1, text: 'unknown key reed' },
    { line: 3, column: 8, text: '"x:1:2: y" is not a principal' },
  ])
  assert.deepEqual(problemsIn('Somebody else changed these permissions meanwhile.'), [])
  const text = 'read: [owner]\nreed: []\n'
  assert.equal(text.slice(offsetOf(text, { line: 2, column: 1 })), 'reed: []\n')
  assert.equal(offsetOf(text, { line: 9, column: 9 }), text.length)
})

test('a class that is whole goes by its name, and an action that is a class by itself too', () => {
  const execute = Object.keys(catalogue.execute) as PermissionAction[]
  assert.deepEqual(shortened([...execute, 'view']), ['all of execute', 'view'])
  assert.deepEqual(shortened(execute.slice(1)), execute.slice(1))
  assert.deepEqual(shortened(['annotate']), ['annotate'])
  assert.deepEqual(shortened([]), [])
})

test('whoever a rule names has a name for people', () => {
  assert.deepEqual(['everyone', 'user:mel', 'group:unix/atm ops', 'account:oceans_stage'].map(whoseWords), [
    'everybody who is signed in',
    'mel',
    'members of unix/atm ops',
    'account oceans_stage',
  ])
})

test('between two texts the common lines stay, the others came or went', () => {
  const diff = (before: string, after: string) => lineDiff(before, after).map(({ mark, text }) => mark + text)
  assert.deepEqual(diff('a\nb\nc\n', 'a\nc\nd'), [' a', '-b', ' c', '+d'])
  assert.deepEqual(diff('', 'a\n'), ['+a'])
  assert.deepEqual(diff('a', ''), ['-a'])
  assert.deepEqual(diff('', ''), [])
})

test('the permissions of a workflow are a page of their own', () => {
  const path = pathOf('workflowPermissions', { account: 'a', workflow: 'w' })
  assert.equal(path, '/accounts/a/workflows/w/permissions')
  const route = matchRoute(path)
  assert.equal(route?.name, 'workflowPermissions')
  assert.equal(route === undefined ? '' : pagePath(route), path)
  assert.equal(matchRoute('/accounts/a/permissions')?.name, 'permissions')
})
