import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { CopyFrame } from '../../protocol/copies.ts'
import { encodeDataHead, encodeFrame } from '../../runners/copies/frames.ts'
import { lastLine, startSink } from '../harness/copier.ts'
import { temporaryDirectory } from '../harness/temporary.ts'

const sum = (text: string): string => createHash('sha256').update(text).digest('hex')
const file = (name: string, size: number) => ({ name, size, mode: 0o4777, mtime: 0, stamp: 's' })
const data = (text: string): Buffer => Buffer.concat([encodeDataHead(Buffer.from(text)), Buffer.from(text)])
const top: CopyFrame = { kind: 'enter', directory: { name: 'any', mode: 0o755, mtime: 0 } }

const lies: Readonly<Record<string, readonly (CopyFrame | Buffer)[]>> = {
  'a name that leads up': [top, { kind: 'file', file: file('../out', 1), offset: 0 }, data('x')],
  'a name of two parts': [top, { kind: 'file', file: file('out/x', 1), offset: 0 }, data('x')],
  'a directory above': [top, { kind: 'enter', directory: { name: '..', mode: 0o755, mtime: 0 } }],
  'a link that leads out': [top, { kind: 'link', name: 'out', target: '../../out' }],
  'leaving more than it entered': [top, { kind: 'leave' }, { kind: 'leave' }],
  'another sum': [
    { kind: 'file', file: file('x', 1), offset: 0 },
    data('x'),
    { kind: 'sum', digest: sum('y') },
  ],
  'less than it said': [
    { kind: 'file', file: file('x', 9), offset: 0 },
    data('x'),
    { kind: 'sum', digest: sum('x') },
  ],
  'a beginning that nobody has': [{ kind: 'file', file: file('x', 9_000_000), offset: 8_000_000 }],
  'data of no file': [data('x')],
  'an end within a directory': [top, { kind: 'end' }],
  'far too much at once': [Buffer.from([1, 255, 255, 255, 255])],
  'no JSON': [Buffer.from([0, 0, 0, 0, 1, 65])],
}

for (const [what, frames] of Object.entries(lies))
  test(`an account's copier that sends ${what} writes nothing outside its destination`, async (t) => {
    const root = await temporaryDirectory(t)
    await mkdir(join(root, 'site'))
    await writeFile(join(root, 'out'), 'kept')
    const sink = startSink(join(root, 'site'), 'copy')
    const ended = lastLine(sink.output)
    for (const frame of frames) sink.input.write(Buffer.isBuffer(frame) ? frame : encodeFrame(frame))
    sink.input.end()
    assert.equal((await ended).kind, 'failed')
    await sink.done
    assert.deepEqual((await readdir(root)).sort(), ['out', 'site'])
    assert.equal((await readdir(join(root, 'site', 'copy')).catch(() => [])).length, 0)
  })
