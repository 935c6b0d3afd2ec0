/**
 * All tests: types, style, then unit and attack tests in one process, and those with real parts in processes of
 * their own, two at a time. `npm test -- PATTERN…` runs only the files whose path contains a pattern. With `--long`
 * (`npm run test:long`) those that take many minutes, and nothing else.
 */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const root = dirname(import.meta.dirname)
process.chdir(root)
const patterns = process.argv.slice(2).filter((word) => !word.startsWith('-'))
const long = process.argv.includes('--long')
const total = { passed: 0, failed: 0, skipped: 0 }

const check = (name: string, command: string, args: readonly string[]): void => {
  const started = Date.now()
  const { status } = spawnSync(join(root, 'node_modules/.bin', command), args, { stdio: 'inherit' })
  total[status === 0 ? 'passed' : 'failed'] += 1
  process.stdout.write(`${status === 0 ? '✔' : '✖'} ${name} (${Date.now() - started} ms)\n`)
}

const unmatched = new Set(patterns)

const files = (...globs: readonly string[]): string[] =>
  globSync([...globs])
    .filter((file) => {
      const matching = patterns.filter((pattern) => file.includes(pattern))
      for (const pattern of matching) unmatched.delete(pattern)
      return patterns.length === 0 || matching.length > 0
    })
    .sort()

const runFiles = async (list: string[], options: Omit<Parameters<typeof run>[0], 'files'>): Promise<void> => {
  if (list.length === 0) return
  const stream = run({ files: list, ...options })
  stream.on('test:pass', (event) => {
    if (
      event.details.type === 'suite' ||
      list.some((file) => event.name === file || event.name === join(root, file))
    )
      return
    total[event.skip !== undefined && event.skip !== false ? 'skipped' : 'passed'] += 1
  })
  stream.on('test:fail', (event) => {
    if (event.details.type !== 'suite') total.failed += 1
  })
  const report = stream.compose(spec)
  for await (const chunk of report) process.stdout.write(chunk)
}

const runShort = async (): Promise<void> => {
  if (patterns.length === 0) {
    check('types', 'tsc', ['-b'])
    check('style', 'biome', ['ci', '.'])
    check('reference pages', 'node', ['scripts/reference.ts', '--check'])
  }
  await runFiles(files('test/unit/*.test.ts', 'test/attacks/*.test.ts'), {
    isolation: 'none',
    concurrency: false,
  })
  await runFiles(files('test/integration/*.test.ts', 'test/browser/*.test.ts'), {
    isolation: 'process',
    concurrency: 2,
    timeout: 900_000,
  })
}

if (long) await runFiles(files('test/long/*.test.ts'), { isolation: 'process', concurrency: 1 })
else await runShort()
for (const pattern of unmatched) {
  process.stdout.write(`✖ no test file's name contains ${JSON.stringify(pattern)}\n`)
  total.failed += 1
}
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`)
process.exit(total.failed === 0 ? 0 : 1)
