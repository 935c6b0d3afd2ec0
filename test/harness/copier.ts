/** Copiers in the test's own process: one that does both sides, or two joined by their streams. */
import { createHash } from 'node:crypto'
import { PassThrough, Transform } from 'node:stream'
import { createLineSplitter } from '../../durable/line-splitter.ts'
import {
  type CopyLine,
  type CopyOrder,
  type CopyRules,
  copyLine,
  copyLineLimit,
} from '../../protocol/copies.ts'
import { runCopier } from '../../runners/copies/copier.ts'

export type Ended = Extract<CopyLine, { kind: 'copied' | 'failed' }>
type Rules = Partial<Omit<CopyRules, 'v' | 'key'>>

/** What an order says beside its places; the key follows from the destination, as a daemon's does. */
export const rulesOf = (to: string, rules: Rules = {}): CopyRules => ({
  v: 1,
  overwrite: false,
  verify: false,
  sparse: true,
  foreign: 'refuse',
  oneName: false,
  key: createHash('sha256').update(to).digest('hex'),
  ...rules,
})

const start = (order: CopyOrder) => {
  const [input, output] = [new PassThrough(), new PassThrough()]
  input.write(`${JSON.stringify(order)}\n`)
  const done = runCopier({
    input,
    output,
    home: undefined,
    // The disk of a busy machine is not what these tests are about.
    sync: async () => undefined,
    onAbandoned: () => undefined,
  })
  return { input, output, done }
}

export const lastLine = (output: PassThrough): Promise<Ended> =>
  new Promise((resolve) => {
    const take = createLineSplitter(copyLineLimit, (text) => {
      const line = copyLine.parse(JSON.parse(text))
      if (line.kind === 'copied' || line.kind === 'failed') resolve(line)
    })
    output.on('data', take)
  })

/** Paths are below `root`, that of the copy below `toRoot`. */
export const copyHere = async (
  root: string,
  from: string,
  to: string,
  rules: Rules = {},
  toRoot = root,
): Promise<Ended> => {
  const copier = start({
    role: 'whole',
    from: { root, path: from },
    to: { root: toRoot, path: to },
    ...rulesOf(to, rules),
  })
  const [ended] = await Promise.all([lastLine(copier.output), copier.done])
  copier.input.destroy()
  return ended
}

export const startSink = (root: string, to: string, rules: Rules = {}) =>
  start({ role: 'sink', to: { root, path: to }, ...rulesOf(to, rules) })

export const copyThrough = async (
  root: string,
  from: string,
  to: string,
  rules: Rules = {},
  toRoot = root,
): Promise<Ended> => {
  const source = start({ role: 'source', from: { root, path: from }, ...rulesOf(to, rules) })
  const sink = startSink(toRoot, to, rules)
  const ended = lastLine(sink.output)
  // A pipe has taken what was written; memory would still be the writer's.
  const pipe = new Transform({
    transform: (chunk: Buffer, _encoding, done) => done(null, Buffer.from(chunk)),
  })
  source.output.pipe(pipe).pipe(sink.input)
  sink.output.pipe(source.input)
  const line = await ended
  await Promise.all([source.done, sink.done])
  return line
}
