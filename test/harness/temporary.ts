/** Directories of a test, gone with it. */
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export const temporaryDirectory = async (t: Pick<TestContext, 'after'>): Promise<string> => {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'seneschal-test-')))
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }))
  return dir
}
