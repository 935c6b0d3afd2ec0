import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'

/** Which room may import which: the table of docs/architecture.md. */
const table: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  policy: ['protocol'],
  engine: ['protocol'],
  config: ['protocol'],
  durable: ['protocol'],
  wire: ['protocol'],
  spawners: ['protocol', 'config', 'wire'],
  executor: ['protocol', 'config'],
  runners: ['protocol', 'config', 'durable', 'executor'],
  plugins: ['protocol'],
  hub: ['protocol', 'policy', 'config', 'durable', 'wire', 'spawners'],
  uiserver: ['protocol', 'policy', 'config', 'durable', 'wire'],
  'uiserver/agent': ['protocol', 'config', 'durable', 'wire', 'runners'],
  daemon: ['protocol', 'policy', 'engine', 'config', 'durable', 'wire', 'runners'],
  web: ['protocol'],
  demo: ['protocol', 'config', 'durable', 'wire', 'spawners', 'runners', 'hub', 'uiserver', 'daemon'],
}
const pure = new Set(['protocol', 'policy', 'engine'])
const root = dirname(dirname(import.meta.dirname))

/** Static and dynamic imports alike, and `import('…')` types. */
const importsOf = (text: string): readonly string[] =>
  [...text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)['"]([^'"\n]+)['"]/g)].map((match) => match[1] ?? '')

const roomOf = (file: string): string =>
  file.startsWith('uiserver/agent/') ? 'uiserver/agent' : (file.split('/')[0] ?? '')

const files = Object.keys(table)
  .filter((room) => !room.includes('/'))
  .flatMap((room) => globSync(`${room}/**/*.{ts,tsx}`, { cwd: root }))

test('imports point down: every import stands in the table of rooms', () => {
  assert.ok(files.length > 60, 'the rooms were found')
  const broken: string[] = []
  for (const file of files) {
    const room = roomOf(file)
    for (const specifier of importsOf(readFileSync(join(root, file), 'utf8'))) {
      if (!specifier.startsWith('.')) continue
      const target = roomOf(relative(root, resolve(root, dirname(file), specifier)))
      if (target !== room && !(table[room] ?? []).includes(target))
        broken.push(`${file} imports ${specifier}`)
    }
  }
  assert.deepEqual(broken, [])
})

test('pure rooms know neither Node nor a page, only zod/mini', () => {
  const broken: string[] = []
  for (const file of files.filter((name) => pure.has(roomOf(name))))
    for (const specifier of importsOf(readFileSync(join(root, file), 'utf8')))
      if (!specifier.startsWith('.') && specifier !== 'zod/mini') broken.push(`${file} imports ${specifier}`)
  assert.deepEqual(broken, [])
})

test('protocol schemas are sent on as they were parsed: no transforms', () => {
  for (const file of files.filter((name) => roomOf(name) === 'protocol'))
    assert.doesNotMatch(
      readFileSync(join(root, file), 'utf8'),
      /z\.(?:transform|pipe|codec|coerce|_default|prefault|stringbool)\b/,
      file,
    )
})

test('nobody switches the type checker off', () => {
  for (const file of files)
    assert.doesNotMatch(readFileSync(join(root, file), 'utf8'), /@ts-(?:ignore|nocheck|expect-error)/, file)
})
