import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { watchFiles } from '../../daemon/file-watch.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const watching = async (t: TestContext, pollMs: number, count: number) => {
  const dir = await temporaryDirectory(t)
  const directories = Array.from({ length: count }, (_, index) => join(dir, `account${index}`))
  for (const path of directories) mkdirSync(path)
  const end = new AbortController()
  const told: unknown[] = []
  let begun = 0
  let letGo = (): void => undefined
  const files = watchFiles({
    directories,
    pollMs,
    look: () => {
      begun += 1
      return new Promise((resolve, reject) => {
        letGo = () => (begun === 1 ? reject(new Error('EIO')) : resolve())
      })
    },
    onProblem: (error) => told.push(error instanceof Error ? error.message : error),
    signal: end.signal,
  })
  t.after(async () => {
    end.abort()
    letGo()
    await files.ended
  })
  return { directories, files, told, begun: () => begun, letGo: () => letGo() }
}

test('however many ask while one look is under way, one more follows', async (t) => {
  const { directories, files, told, begun, letGo } = await watching(t, 600_000, 50)
  await until(() => begun() === 1)
  const asked = Array.from({ length: 20 }, () => files.look())
  for (const path of directories) writeFileSync(join(path, 'account.yaml'), '')
  letGo()
  await until(() => begun() === 2)
  letGo()
  await Promise.all(asked)
  assert.deepEqual(told, ['EIO', null])
})

test('a poll of many directories is one look, and a change in any of them wakes it', async (t) => {
  const { directories, begun, letGo } = await watching(t, 600_000, 50)
  await until(() => begun() === 1)
  letGo()
  // The look that failed is not repeated before its time.
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(begun(), 1)
  writeFileSync(join(directories[49] ?? '', 'account.yaml'), '')
  await until(() => begun() === 2)
  letGo()
})
