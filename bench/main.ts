/** `npm run bench`: runs rows, prints a table each, writes all figures as JSON. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod/mini'
import { version } from '../protocol/version.ts'
import type { Bench, Report, Row } from './report/row.ts'
import { summarise } from './report/statistics.ts'
import { presentTable } from './report/table.ts'
import { rows } from './rows.ts'

const options = {
  quick: { type: 'boolean' },
  json: { type: 'string' },
  profile: { type: 'string' },
  rounds: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

const help =
  (): string => `Measures speed and memory beside the peer, in the same run: medians of interleaved rounds.

Usage: npm run bench -- [ROW…] [--quick] [--rounds N] [--json FILE]

Rows (all of them, unless some are named):
${rows.map(({ name, title }) => `  ${name.padEnd(10)} ${title}`).join('\n')}

  --quick        three short rounds: whether it works, not how fast it is
  --rounds N     how often the contestants take turns (5)
  --profile DIR  hubs and daemons leave a CPU profile there
  --json FILE    where the figures go (bench/results/TIME.json)
`

const machine = () => ({
  cores: cpus().length,
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  memoryMB: Math.round(totalmem() / 1e6),
  node: process.version,
  seneschal: version,
})

const say = (line: string): void => void process.stderr.write(`bench: ${line}\n`)

const runRow = async (row: Row, settings: Pick<Bench, 'quick' | 'rounds' | 'profile'>): Promise<Report> => {
  await using ending = new AsyncDisposableStack()
  say(`${row.name}: ${row.title}`)
  return await row.run({
    ...settings,
    say: (line) => say(`${row.name}: ${line}`),
    defer: (work) => ending.defer(async () => void (await work())),
  })
}

const main = async (): Promise<number> => {
  z.config(z.locales.en())
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  if (values.help === true) {
    process.stdout.write(help())
    return 0
  }
  const unknown = positionals.filter((name) => !rows.some((row) => row.name === name))
  const rounds = Number(values.rounds ?? (values.quick === true ? 3 : 5))
  if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
    process.stderr.write(unknown.length > 0 ? `No such row: ${unknown.join(', ')}\n\n${help()}` : help())
    return 64
  }
  const at = new Date()
  const results: unknown[] = []
  const file = resolve(
    values.json ?? join(import.meta.dirname, 'results', `${at.toISOString().replaceAll(':', '-')}.json`),
  )
  mkdirSync(dirname(file), { recursive: true })
  let failed = 0
  for (const row of rows.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
    try {
      const report = await runRow(row, {
        quick: values.quick === true,
        rounds,
        ...(values.profile === undefined ? {} : { profile: resolve(values.profile) }),
      })
      process.stdout.write(`\n${presentTable(row, report)}\n`)
      const figures = report.figures.map((figure) => ({
        ...figure,
        ...summarise(figure.rounds),
        ...(figure.ratio === undefined
          ? {}
          : { ratios: figure.ratio, ratio: summarise(figure.ratio).median }),
      }))
      results.push({ row: row.name, title: row.title, figures, notes: report.notes })
    } catch (error) {
      // The other rows are still worth having.
      failed += 1
      process.stdout.write(
        `\n${row.name}: FAILED\n${error instanceof Error ? error.stack : String(error)}\n\n`,
      )
      results.push({ row: row.name, failed: String(error) })
    }
    writeFileSync(
      file,
      `${JSON.stringify({ at, machine: machine(), quick: values.quick === true, rounds, rows: results }, null, 2)}\n`,
    )
  }
  say(`figures: ${file}`)
  return failed === 0 ? 0 : 1
}

process.exitCode = await main()
