/** docs/security.md and the tree say the same: nothing that is named is missing, and no attack is left out. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const page = read('docs/security.md')
const attacks = readdirSync(join(root, 'test/attacks')).filter((name) => name.endsWith('.test.ts'))

/** Rows of the tables of attacks: number, what is tried, what stops it, what shows that. */
const rows = page
  .split('\n')
  .filter((line) => /^\| (?:–|\d)/.test(line))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')))

const filesIn = (text: string) =>
  [...text.matchAll(/`((?:[\w-]+\/)+[\w.-]+\.tsx?)`/g)].map(([, path = '']) => path)

test('every file that docs/security.md names is there', () => {
  const missing = filesIn(page).filter((path) => !existsSync(join(root, path)))
  assert.deepEqual(missing, [])
})

test('every row says what stops the attack, where, and which test shows it', () => {
  assert.ok(rows.length > 50)
  for (const [number, what = '', stops = '', shown = '', ...more] of rows) {
    assert.deepEqual(more, [], `${number}: ${what}`)
    assert.ok(
      filesIn(stops).some((path) => !path.startsWith('test/')),
      `${number} ${what}: names no file`,
    )
    const tests = filesIn(shown)
    assert.ok(
      tests.length > 0 && tests.every((path) => /^test\/.*\.test\.ts$/.test(path)),
      `${number} ${what}: names no test`,
    )
  }
})

test('every attack of the threat model has its row, once', () => {
  const told = rows.flatMap(([number = '']) => number.split(', ')).filter((number) => number !== '–')
  const absent = [
    ...(/^Attacks (.*?) are about the job executor/m.exec(page)?.[1] ?? '').matchAll(/\d+/g),
  ].map(String)
  const all = Array.from({ length: 55 }, (_, index) => String(index + 1))
  assert.deepEqual(
    [...told, ...absent].sort((a, b) => Number(a) - Number(b)),
    all,
  )
})

test('every file of test/attacks is named', () => {
  const unnamed = attacks.filter((name) => !page.includes(`\`test/attacks/${name}\``))
  assert.deepEqual(unnamed, [], 'add a row to docs/security.md')
})
