/** The demonstration's workflows, put where its daemon reads them. */
import { chmodSync, cpSync, existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { own } from './own.ts'

/** Source of definitions and site file, as they stand in this room. */
export const siteSource = join(import.meta.dirname, 'site')

/** Cycles that lie in the past at the first start, so that there is history to look back on. */
const pastMinutes = 8

const firstPoint = (now: number): string => {
  const start = new Date(Math.floor((now - pastMinutes * 60_000) / 120_000) * 120_000)
  return `${start.toISOString().slice(0, 16).replace(/[-:]/g, '')}Z`
}

/** Copies them once; `initial: now` becomes a point some minutes ago, so that the first cycles catch up at once. */
export const installDefinitions = (target: string, now: number): void => {
  if (existsSync(target)) return
  cpSync(join(siteSource, 'definitions'), target, { recursive: true })
  own(target)
  for (const file of globSync('**/workflow.yaml', { cwd: target })) {
    const path = join(target, file)
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace(/^( {2}initial:) now$/m, `$1 ${firstPoint(now)}`))
    chmodSync(path, 0o644)
  }
}
