/** What a machine that goes down leaves at the end of a file: part of a line. */
import { appendFileSync, globSync } from 'node:fs'
import { join } from 'node:path'
import type { Layout } from '../../demo/layout.ts'
import type { Chance } from './kill-random.ts'

const remains = [
  '{"v":1,"seq":',
  '{"time":"2026-01-01T00:00:00.000Z","writer":"dae',
  '\0\0\0\0\0\0\0\0',
  `{"v":1,"seq":1,"journal":1,"at":1,"put":[{"kind":"job","key":"${'x'.repeat(70_000)}`,
]

/** The last file of each that the part appends to; the part is down. */
const lastFiles = (layout: Layout, part: 'hub' | 'daemon'): readonly string[] => {
  const last = (pattern: string): readonly string[] => globSync(pattern).sort().slice(-1)
  return part === 'hub'
    ? last(join(layout.hub, 'audit/audit-*.ndjson'))
    : [
        ...last(join(layout.site, 'state/*.ndjson')),
        ...last(join(layout.site, 'audit/audit-*.ndjson')),
        ...globSync(join(layout.site, 'feed/*')).flatMap((feed) => last(join(feed, 'events-*.ndjson'))),
      ]
}

/** Returns how many files end in half a line now. */
export const tearLastLines = (layout: Layout, part: 'hub' | 'daemon', chance: Chance): number => {
  const files = lastFiles(layout, part).filter(() => chance.next() < 0.7)
  for (const file of files) appendFileSync(file, chance.pick(remains))
  return files.length
}
