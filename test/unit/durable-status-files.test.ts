/** Published statuses and their archives, which a group may have tampered with. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import {
  listDayArchives,
  type Published,
  readDayArchive,
  readPublished,
  writeDayArchive,
} from '../../durable/status-files.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const id = (n: number): string => `019aac00-0000-7000-8000-${n.toString(16).padStart(12, '0')}`
const published = (n: number): Published => ({
  name: id(n),
  status: { id: id(n), state: 'done', code: null, at: Date.UTC(2026, 10, 22, 6) + n },
})

const readAll = async (dir: string): Promise<Published[]> => {
  const found: Published[] = []
  for (const archive of await listDayArchives(dir))
    found.push(...(await Array.fromAsync(readDayArchive(dir, archive))))
  return found
}

test('the tar program reads what was archived, and so do we', async (t) => {
  const dir = await temporaryDirectory(t)
  const all = Array.from({ length: 300 }, (_, n) => published(n))
  assert.equal(await writeDayArchive(dir, '20261122', all), '20261122.tar.gz')
  const listed = execFileSync('tar', ['-tzf', join(dir, '20261122.tar.gz')], { encoding: 'utf8' })
  assert.deepEqual(
    listed.trim().split('\n'),
    all.map(({ name }) => `${name}/status.json`),
  )
  const one = execFileSync('tar', ['-xzOf', join(dir, '20261122.tar.gz'), `${id(7)}/status.json`], {
    encoding: 'utf8',
  })
  assert.deepEqual(JSON.parse(one), published(7).status)
  assert.deepEqual(await readAll(dir), all)
})

test('what comes later for a day gets an archive of its own; the first one stays as it is', async (t) => {
  const dir = await temporaryDirectory(t)
  await writeDayArchive(dir, '20261122', [published(1)])
  await writeDayArchive(dir, '20261122', [published(2)])
  await writeDayArchive(dir, '20261121', [published(3)])
  assert.deepEqual(
    (await listDayArchives(dir)).map(({ file }) => file),
    ['20261121.tar.gz', '20261122.tar.gz', '20261122-2.tar.gz'],
  )
  assert.deepEqual(await readAll(dir), [published(3), published(1), published(2)])
  assert.deepEqual(
    (await readdir(dir)).filter((name) => name.startsWith('.')),
    [],
  )
})

test('somebody of the group puts other things into an archive; only statuses are taken from it', async (t) => {
  const dir = await temporaryDirectory(t)
  const source = join(dir, 'source')
  await mkdir(join(source, id(1)), { recursive: true })
  await writeFile(
    join(source, id(1), 'status.json'),
    JSON.stringify({ id: id(1), state: '\u001b[2J', code: null, at: 1 }),
  )
  await mkdir(join(source, id(2)))
  await symlink('/etc/passwd', join(source, id(2), 'status.json'))
  await mkdir(join(source, id(3)))
  await writeFile(join(source, id(3), 'status.json'), 'x'.repeat(100_000))
  await mkdir(join(source, id(4)))
  await writeFile(join(source, id(4), 'status.json'), JSON.stringify({ ...published(4).status, more: 1 }))
  execFileSync('tar', ['-czf', join(dir, '20261122.tar.gz'), '-C', source, '.'])
  execFileSync('tar', ['-czf', join(dir, '20261123.tar.gz'), '-C', source, id(1), id(2), id(3), id(4)])
  const [first, second] = await listDayArchives(dir)
  assert.ok(first !== undefined && second !== undefined)
  assert.deepEqual(await Array.fromAsync(readDayArchive(dir, first)), [])
  assert.deepEqual(await Array.fromAsync(readDayArchive(dir, second)), [published(4)])
})

test('an archive that is cut or is none is an error, and a pipe in its place keeps nobody waiting', async (t) => {
  const dir = await temporaryDirectory(t)
  await writeDayArchive(dir, '20261122', [published(1)])
  await writeFile(join(dir, '20261123.tar.gz'), gzipSync('no archive at all'.repeat(100)))
  await writeFile(join(dir, '20261124.tar.gz'), 'not even packed')
  execFileSync('mkfifo', [join(dir, '20261125.tar.gz')])
  const [good, none, unpacked, pipe] = await listDayArchives(dir)
  assert.ok(good !== undefined && none !== undefined && unpacked !== undefined && pipe !== undefined)
  assert.equal((await Array.fromAsync(readDayArchive(dir, good))).length, 1)
  await assert.rejects(
    Array.fromAsync(readDayArchive(dir, none)),
    (error) => error instanceof SeneschalError && error.code === 'input.invalid',
  )
  await assert.rejects(Array.fromAsync(readDayArchive(dir, unpacked)))
  assert.deepEqual(await Array.fromAsync(readDayArchive(dir, pipe)), [])
})

test('a link, a pipe or nonsense in the place of a status is none', async (t) => {
  const dir = await temporaryDirectory(t)
  await mkdir(join(dir, 'real'))
  await writeFile(join(dir, 'real/status.json'), JSON.stringify(published(1).status))
  await symlink(join(dir, 'real'), join(dir, id(1)))
  await mkdir(join(dir, id(2)))
  await symlink(join(dir, 'real/status.json'), join(dir, id(2), 'status.json'))
  await mkdir(join(dir, id(3)))
  execFileSync('mkfifo', [join(dir, id(3), 'status.json')])
  await mkdir(join(dir, id(4)))
  await writeFile(join(dir, id(4), 'status.json'), '{')
  await mkdir(join(dir, id(5)))
  await writeFile(join(dir, id(5), 'status.json'), JSON.stringify(published(5).status))
  assert.deepEqual(
    [1, 2, 3, 4].map((n) => readPublished(dir, id(n))),
    [undefined, undefined, undefined, undefined],
  )
  assert.deepEqual(readPublished(dir, id(5)), published(5).status)
  assert.equal(readPublished(dir, '../real'), undefined)
})
