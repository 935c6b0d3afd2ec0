/**
 * What people write wrong into permissions, and what they may mean by it: every one is refused at load with its place.
 * A mistake that is taken silently grants or denies something that nobody meant.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseLayer } from '../../config/layer.ts'
import { nearest } from '../../config/nearest.ts'
import { parseAccountFile, parseSite } from '../../config/site.ts'
import { readDefinition } from '../../daemon/definition.ts'
import { SeneschalError } from '../../protocol/errors.ts'

type Corpus = Readonly<Record<string, RegExp>>

/** Below `permissions:`, wherever that stands. */
const rules: Corpus = {
  '"!Stop": [owner]': /1:1: unknown key !Stop; did you mean stop\?/,
  '!Stop: [owner]': /1:1: Unresolved tag: !Stop:/,
  '"!stpo": [owner]': /1:1: unknown key !stpo; did you mean stop\?/,
  'setHoldPoint: [owner]': /1:1: unknown key setHoldPoint$/,
  'reed: [owner]': /1:1: unknown key reed; did you mean read\?/,
  'Read: [owner]': /1:1: unknown key Read; did you mean read\?/,
  'excute: [owner]': /1:1: unknown key excute; did you mean execute\?/,
  'read: [owner]\nview :[owner]': /2:1: /,
  'read: [owner]\ntrigerr: [owner]': /2:1: unknown key trigerr; did you mean trigger\?/,
  'execute : [owner]\nkil: [owner]': /2:1: unknown key kil; did you mean kill\?/,
  'own: [owner]': /1:1: unknown key own/,
  'limits: { read: [owner] }': /1:1: unknown key limits/,
  'read:\n\t- owner': /2:1: Tabs are not allowed/,
  'read: [owner]\nread: [everyone]': /2:1: Map keys must be unique/,
  '- read': /1:1: Invalid input: expected object, received array/,
  'read: owner': /1:1: read: Invalid input: expected array, received string/,
  'read: everyone, owner': /1:1: read: .*received string/,
  'read: null': /1:1: read: .*received null/,
  'read:': /1:1: read: .*received null/,
  'read: yes': /1:1: read: .*received string/,
  'read: true': /1:1: read: .*received boolean/,
  'read: {owner: true}': /1:1: read: .*received object/,
  'read: [1]': /1:8: read\.0: .*received number/,
  'read: [~]': /1:8: read\.0: .*received null/,
  'read: [[owner]]': /1:8: read\.0: .*received array/,
  'read: [user: jacintar]': /1:8: read\.0: .*received object/,
  'read: ["group:ldpa/x"]': /1:8: read\.0: "group:ldpa\/x" is not a principal/,
  'read: ["group:kerberos/x"]': /1:8: .*is not a principal/,
  'read: ["group:unix/"]': /1:8: .*is not a principal/,
  'read: ["group:unix"]': /1:8: .*is not a principal/,
  'read: ["group:atm-ops"]': /1:8: .*is not a principal/,
  'read: ["groups:unix/x"]': /1:8: .*is not a principal/,
  'read: ["users:x"]': /1:8: .*is not a principal/,
  'read: ["user:"]': /1:8: .*is not a principal/,
  'read: ["user:*"]': /1:8: .*is not a principal/,
  'read: ["user:a,user:b"]': /1:8: .*is not a principal/,
  'read: ["user:jacintar "]': /1:8: .*is not a principal/,
  'read: ["everyone "]': /1:8: .*is not a principal/,
  'read: [Everyone]': /1:8: .*is not a principal/,
  'read: [all]': /1:8: .*is not a principal/,
  'read: [ower]': /1:8: .*is not a principal/,
  'read: [owners]': /1:8: .*is not a principal/,
  'read: ["*"]': /1:8: .*is not a principal/,
  'read: [jacintar]': /1:8: .*is not a principal/,
  'read: ["!everyone"]': /1:8: .*is not a principal/,
  'read: ["! user:x"]': /1:8: .*is not a principal/,
  'read: ["!!user:x"]': /1:8: .*is not a principal/,
  'read: ["!inherit"]': /1:8: .*is not a principal/,
  'read: ["not user:x"]': /1:8: .*is not a principal/,
  'read: ["-user:x"]': /1:8: .*is not a principal/,
  'read: [owner': /1:13: /,
  'read: owner]': /1:/,
  // The e is Cyrillic: it looks alike, and is none.
  'r\u0435ad: [owner]': /1:1: unknown key/,
  'read: [\u0435veryone]': /1:8: .*is not a principal/,
  'read: ["user:j\u0430cintar"]': /1:8: .*is not a principal/,
  'read: [owner] # \u202eenwo\nreed: []': /2:1: unknown key reed/,
  '<<: {read: [owner]}': /1:1: unknown key <</,
  'read: *nobody': /1:7: Unresolved alias/,
  '__proto__: [owner]': /1:1: unknown key __proto__/,
  'constructor: [owner]': /1:1: unknown key constructor/,
  '"": [owner]': /1:1: unknown key ""/,
  '? [read]\n: [owner]': /1:3: a key is a word/,
  'read: [owner]\n---\nread: [everyone]': /multiple documents/,
}

const siteFile: Corpus = {
  'permission: {}': /1:1: unknown key permission; did you mean permissions\?/,
  'limit: {}': /1:1: unknown key limit; did you mean limits\?/,
  'limits: { own: [owner] }': /1:11: unknown key limits\.own/,
  'limits: { read: [inherit] }': /1:18: limits\.read\.0: there are no rules below/,
  'permissions: { read: [inherit, everyone] }': /1:23: permissions\.read\.0: there are no rules below/,
  'roles: { admins: [user:x] }': /1:10: unknown key roles\.admins; did you mean admin\?/,
  'roles: { admin: user:x }': /1:10: roles\.admin: .*received string/,
  'roles: { admin: [] }': /1:10: roles\.admin: names nobody/,
  'roles: { admin: [inherit] }': /1:18: .*"inherit" names no person here/,
  'roles: { admin: [owner] }': /1:18: .*"owner" names no person here/,
  'roles: { auditor: [account:oceans_stage] }': /1:20: .*names no person here/,
  'accounts: [atmosphere_stage]': /1:1: accounts: .*received array/,
  'accounts: { Atmosphere: {} }': /1:13: "Atmosphere" is not a valid name here/,
  'accounts: { atmosphere_stage: { owner: [user:x] } }': /1:33: .*\.owner; did you mean owners\?/,
  'accounts: { atmosphere_stage: { owners: [] } }': /1:33: .*names nobody/,
  'accounts: { atmosphere_stage: { owners: user:x } }': /1:33: .*received string/,
  'accounts: { atmosphere_stage: { owners: [owner] } }': /1:42: .*"owner" names no person here/,
  'accounts: { atmosphere_stage: { cli: yes } }': /1:33: .*"allow"\|"refuse"/,
  'accounts: { atmosphere_stage: { permissions: {} } }': /1:33: unknown key/,
  'locks: { person: [x] }': /1:10: unknown key locks\.person; did you mean persons\?/,
  'locks: { persons: x }': /1:10: .*received string/,
  'locks: { persons: ["user:x"] }': /1:20: /,
  'locks: { persons: ["a b"] }': /1:20: /,
  'locks: { hosts: [""] }': /1:18: /,
  'elevation: { execute: 15 }': /1:14: .*received number/,
  'elevation: { execute: PT15 }': /1:14: .*is not a duration/,
  'elevation: { read: PT1M }': /1:14: unknown key elevation\.read/,
  'permissions: null': /1:1: permissions: .*received null/,
  '[]': /1:1: /,
}

const accountFile: Corpus = {
  'permission: { read: [owner] }': /1:1: unknown key permission; did you mean permissions\?/,
  'limits: {}': /1:1: unknown key limits/,
  'roles: { admin: [user:x] }': /1:1: unknown key roles/,
  'owners: [user:x]': /1:1: unknown key owners/,
  'title: [x]': /1:1: title: /,
  'permissions: []': /1:1: permissions: .*received array/,
}

const refuses = (read: (text: string) => unknown, text: string, told: RegExp): void =>
  assert.throws(
    () => read(text),
    (error) => {
      assert.ok(error instanceof SeneschalError, `${JSON.stringify(text)}: ${String(error)}`)
      assert.ok(error.code === 'config.invalid' || error.code === 'workflow.invalid')
      assert.match(error.detail ?? '', /^f\.yaml:\d+:\d+: /, text)
      assert.match((error.detail ?? '').replace(/^f\.yaml:/, ''), told, JSON.stringify(text))
      return true
    },
    `taken: ${JSON.stringify(text)}`,
  )

/** The same rules further in, and the places that they are then at. */
const within = (text: string, indent: string) => text.replaceAll('\n', `\n${indent}`)

test('every misspelt rule is refused with its place, wherever rules stand', () => {
  for (const [text, told] of Object.entries(rules)) {
    refuses((given) => parseLayer(given, 'f.yaml'), text, told)
    if (/---/.test(text)) continue
    const nested = `permissions:\n  ${within(text, '  ')}\n`
    const anywhere = /^\d+:\d+: /
    refuses((given) => parseSite(given, 'f.yaml'), nested, anywhere)
    refuses((given) => parseAccountFile(given, 'f.yaml'), nested, anywhere)
    refuses(
      (given) => readDefinition(given, 'f.yaml'),
      `graph: t\ntasks: { t: { script: "true" } }\n${nested}`,
      anywhere,
    )
  }
})

test('every misspelt site file and account file is refused with its place', () => {
  for (const [text, told] of Object.entries(siteFile))
    refuses((given) => parseSite(given, 'f.yaml'), text, told)
  for (const [text, told] of Object.entries(accountFile))
    refuses((given) => parseAccountFile(given, 'f.yaml'), text, told)
})

test('what only looks odd is taken: nobody in a list of rules, line ends of elsewhere, a mark of byte order', () => {
  for (const text of [
    'read: []',
    'read: [owner]\r\nexecute: []\r\n',
    '\ufeffread: [owner]',
    'read: [owner,]',
    '',
  ])
    parseLayer(text, 'f.yaml')
  parseSite('locks: { persons: [], accounts: [], hosts: [] }\nlimits: { write: [] }', 'f.yaml')
  parseSite('', 'f.yaml')
})

test('a name is suggested where it is near, and none where nothing is', () => {
  assert.equal(nearest('holdd', ['hold', 'release']), 'hold')
  assert.equal(nearest('HOLD', ['hold', 'release']), 'hold')
  assert.equal(nearest('raed', ['read', 'reload']), 'read')
  assert.equal(nearest('uninstal', ['install', 'uninstall']), 'uninstall')
  assert.equal(nearest('everything', ['hold', 'release']), undefined)
  assert.equal(nearest('x'.repeat(1000), ['x']), undefined)
  assert.equal(nearest('', ['hold']), undefined)
})
