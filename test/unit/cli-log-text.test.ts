/** What a job wrote may colour a terminal, and not steer it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forTerminal } from '../../cli/hub/log-text.ts'

/** Whether a terminal would do anything but show it: control characters, C1 ones too. */
const steers = (text: string): boolean =>
  [...text].some((letter) => /[\p{Cc}]/u.test(letter) && !'\t\n'.includes(letter))

test('lines, tabs and colours pass', () => {
  const text = 'one\ttwo\r\n\u001b[1;31mred\u001b[0m \u00e4\u{1f30a}\n'
  assert.equal(forTerminal(text), 'one\ttwo\n\u001b[1;31mred\u001b[0m \u00e4\u{1f30a}\n')
})

test('a title, a cleared screen, a moved cursor, a paste and C1 escapes are shown and not obeyed', () => {
  for (const bad of [
    '\u001b]0;title\u0007',
    '\u001b[2J',
    '\u001b[1;1H',
    '\u001b]52;c;cm0gLXJm\u0007',
    '\u009b2J',
    'good\rbad',
    '\u001bP1$r\u001b\\',
    '\u001b[31\u001b[2J',
    'a\bb\u007f\u0000',
  ])
    assert.ok(!steers(forTerminal(bad)), JSON.stringify(bad))
})
