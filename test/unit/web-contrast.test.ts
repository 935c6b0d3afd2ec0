import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const style = join(import.meta.dirname, '../../web/style')
const css = readFileSync(join(style, 'tokens.css'), 'utf8')

const colours = new Map(
  [...css.matchAll(/--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map(
    ([, name = '', light = '', dark = '']) => [name, [light, dark] as const],
  ),
)
const colour = (name: string, theme: 0 | 1): string => {
  const found = colours.get(name)
  assert.ok(found !== undefined, `--${name} is not in tokens.css`)
  return found[theme]
}

/** WCAG 2.2, relative luminance. */
const luminance = (hex: string): number => {
  const parts = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
  const [r = 0, g = 0, b = 0] = parts.map((part) =>
    part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
  )
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
const contrast = (a: string, b: string): number => {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (light + 0.05) / (dark + 0.05)
}

const states = [
  'waiting',
  'active',
  'running',
  'succeeded',
  'failed',
  'submit-failed',
  'expired',
  'late',
] as const

const pairs: readonly (readonly [string, string])[] = [
  ...['text', 'muted', 'accent', ...states].flatMap((name) =>
    ['surface', 'page', 'hover'].map((ground) => [name, ground] as const),
  ),
  ['text', 'sunken'],
  ['muted', 'sunken'],
  ['text', 'accent-soft'],
  ['text', 'failed-soft'],
  ['text', 'late-soft'],
  ['on-accent', 'accent'],
  ['on-state', 'failed'],
  ['on-state', 'late'],
  ['on-state', 'execute'],
  ['on-state', 'write'],
]

for (const [theme, name] of [
  [0, 'light'],
  [1, 'dark'],
] as const)
  test(`every text and state is readable on every ground of the ${name} theme`, () => {
    const poor = pairs
      .map(([front, ground]) => ({
        pair: `${front} on ${ground}`,
        ratio: contrast(colour(front, theme), colour(ground, theme)),
      }))
      .filter(({ ratio }) => ratio < 4.5)
      .map(({ pair, ratio }) => `${pair}: ${ratio.toFixed(2)}`)
    assert.deepEqual(poor, [])
  })

/** `front` as it looks where it is so much opaque over `ground`. */
const blend = (front: string, ground: string, opacity: number): string =>
  [1, 3, 5].reduce((hex, at) => {
    const [over, under] = [front, ground].map((one) => Number.parseInt(one.slice(at, at + 2), 16))
    const mixed = Math.round((over ?? 0) * opacity + (under ?? 0) * (1 - opacity))
    return hex + mixed.toString(16).padStart(2, '0')
  }, '#')

test('text stays readable where something is shown through', () => {
  const rules = globSync('*.css', { cwd: style }).flatMap((file) => [
    ...readFileSync(join(style, file), 'utf8').matchAll(/([^{}]+)\{[^{}]*\bopacity: (0?\.[0-9]+)/g),
  ])
  const found = rules
    .map(([, selector = '', opacity = '']) => ({ selector: selector.trim(), opacity: Number(opacity) }))
    // Glyphs are no text; what is out of use need not be read (WCAG 2.2, 1.4.3).
    .filter(({ selector }) => !/(?:\.glyph|:disabled)$/.test(selector))
  assert.ok(rules.length > found.length && found.length > 0)
  const poor = found.flatMap(({ selector, opacity }) =>
    ([0, 1] as const).flatMap((theme) =>
      ['surface', 'page'].flatMap((name) => {
        const ground = colour(name, theme)
        const ratio = contrast(blend(colour('muted', theme), ground, opacity), ground)
        return ratio < 4.5 ? [`${selector} on ${name}: ${ratio.toFixed(2)}`] : []
      }),
    ),
  )
  assert.deepEqual(poor, [])
})
