/** A request is found wherever it is, on its way too. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { findRequest } from '../../cli/published-requests.ts'
import { writeDayArchive } from '../../durable/status-files.ts'
import { temporaryDirectory } from '../harness/temporary.ts'
import { until } from '../harness/until.ts'

const main = join(import.meta.dirname, '..', '..', 'cli/main.ts')
const id = (n: number): string => `019aac00-0000-7000-8000-${n.toString(16).padStart(12, '0')}`
const made = 0x019aac000000

const siteOf = async (t: TestContext) => {
  const site = await temporaryDirectory(t)
  const at = (name: string): string => join(site, 'requests', name)
  for (const name of ['0_temp', '1_inbox', '2_processing', '3_error', '3_finished'])
    await mkdir(at(name), { recursive: true })
  /** As the daemon does it: a whole directory, renamed into its place. */
  const place = async (where: string, name: string, state: string, about = name): Promise<void> => {
    const hidden = join(at(where), `.${name}`)
    await mkdir(hidden)
    await writeFile(
      join(hidden, 'status.json'),
      JSON.stringify({ id: about, state, code: null, at: made + 1000 }),
    )
    await rename(hidden, join(at(where), name))
  }
  return { site, at, place }
}

test('somebody follows a request through all its places, and a daemon that starts meanwhile', async (t) => {
  const { site, at, place } = await siteOf(t)
  await writeFile(join(at('1_inbox'), `${id(1)}.json`), '{}')
  const child = spawn(process.execPath, [main, 'status', id(1), '--follow', '--json', '--site', site])
  t.after(() => child.kill('SIGKILL'))
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString()
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const lines = (): number => out.split('\n').length - 1
  await until(() => lines() === 1, 20_000)
  await place('2_processing', id(1), 'waiting')
  await rm(join(at('1_inbox'), `${id(1)}.json`))
  await until(() => lines() === 2, 20_000)
  // Nowhere, as while a daemon starts; then archived before anybody looked again.
  await rm(join(at('2_processing'), id(1)), { recursive: true })
  await writeDayArchive(at('3_finished'), '20260101', [])
  await writeDayArchive(at('3_finished'), '20991231', [
    { name: id(1), status: { id: id(1), state: 'done', code: null, at: made + 5000 } },
  ])
  assert.deepEqual([await ended, err], [0, ''])
  assert.match(out, /"state":"done"[^\n]*\n$/)
})

test('a request that stands in two places is in the later one', async (t) => {
  const { site, at, place } = await siteOf(t)
  await writeFile(join(at('1_inbox'), `${id(1)}.json`), '{}')
  await place('2_processing', id(1), 'waiting')
  await place('3_error', id(1), 'refused')
  assert.equal((await findRequest(site, id(1), 1001))?.state, 'refused')
})

test('where another user took the id first, each finds the own answer', async (t) => {
  const { site, place } = await siteOf(t)
  await place('3_error', id(1), 'refused')
  await place('3_finished', `${id(1)}-1001`, 'done', id(1))
  assert.equal((await findRequest(site, id(1), 1001))?.state, 'done')
  assert.equal((await findRequest(site, id(1), 2002))?.state, 'refused')
})

test('an archive of before a request was made is not opened for it', async (t) => {
  const { site, at } = await siteOf(t)
  // Opened, it would be an error: it is no archive.
  const damaged = join(at('3_finished'), '20200101.tar.gz')
  await writeFile(damaged, 'nonsense')
  assert.equal(await findRequest(site, id(1), 1001), undefined)
  await assert.rejects(findRequest(site, '00000000-0000-4000-8000-000000000001', 1001))
})
