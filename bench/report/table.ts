/** The table on stdout: one line per figure. */
import type { Figure, Report, Row, Unit } from './row.ts'
import { summarise } from './statistics.ts'

/** Three significant digits, thousands apart: what follows them is noise. */
export const presentNumber = (value: number): string => {
  if (!Number.isFinite(value)) return '–'
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}

const presentUnit = (unit: Unit): string => (unit === '' || unit === '/s' ? unit : ` ${unit}`)

const cellsOf = (figure: Figure): readonly string[] => {
  const { median, min, max } = summarise(figure.rounds)
  const ratio = figure.ratio === undefined ? undefined : summarise(figure.ratio)
  const spread = figure.rounds.length > 1 ? `${presentNumber(min)}–${presentNumber(max)}` : ''
  return [
    figure.what,
    figure.who,
    `${presentNumber(median)}${presentUnit(figure.unit)}`,
    spread,
    ratio === undefined
      ? ''
      : `${presentNumber(ratio.median)} × (${presentNumber(ratio.min)}–${presentNumber(ratio.max)})`,
    figure.budget?.text ?? '',
    figure.budget === undefined ? '' : figure.budget.met ? 'met' : 'NOT MET',
  ]
}

const heads = ['what', 'who', 'median', 'min–max', 'ours ÷ theirs', 'budget', '']
/** Numbers stand under each other. */
const right = new Set([2, 3])

export const presentTable = (row: Pick<Row, 'name' | 'title'>, report: Report): string => {
  const lines = [heads, ...report.figures.map(cellsOf)]
  const widths = heads.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)))
  const present = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        right.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd()
  const [head = [], ...body] = lines
  const rule = widths.map((width) => '─'.repeat(width)).join('──')
  return [
    `${row.name}: ${row.title}`,
    rule,
    present(head),
    rule,
    ...body.map(present),
    ...report.notes.map((note) => `  · ${note}`),
    '',
  ].join('\n')
}
