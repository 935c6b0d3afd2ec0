/** A copy by a copier of the built program beside `cp -r`, each followed by the sync after which it counts as done. */
import { execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type CopyOrder, copyLine } from '../../protocol/copies.ts'
import { takeTurns } from '../report/rounds.ts'
import { against, type Bench, type Row } from '../report/row.ts'
import { farProgram } from '../site.ts'

const MiB = 1024 * 1024

const makeLarge = (dir: string, quick: boolean): number => {
  const size = (quick ? 32 : 512) * MiB
  mkdirSync(dir)
  for (let file = 0; file < 4; file += 1) writeFileSync(join(dir, `field-${file}`), randomBytes(size))
  return 4 * size
}

const makeSmall = (dir: string, quick: boolean): number => {
  const files = quick ? 1000 : 10_000
  for (let file = 0; file < files; file += 1) {
    const below = join(dir, `step-${file % 100}`)
    if (file < 100) mkdirSync(below, { recursive: true })
    writeFileSync(join(below, `station-${file}`), randomBytes(2000 + (file % 3000)))
  }
  return files
}

const syncAll = (dir: string): void => void execFileSync('sync', ['-f', dir])

/** As the daemon starts one. Resolves when its last line came. */
const copier = (root: string, from: string, to: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const order: CopyOrder = {
      v: 1,
      role: 'whole',
      from: { root, path: from },
      to: { root, path: to },
      overwrite: false,
      verify: false,
      sparse: true,
      foreign: 'refuse',
      oneName: true,
      key: createHash('sha256').update(to).digest('hex'),
    }
    const child = spawn(process.execPath, [farProgram, 'copier'], { stdio: ['pipe', 'pipe', 'inherit'] })
    child.once('error', reject)
    child.stdin.write(`${JSON.stringify(order)}\n`)
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = copyLine.parse(JSON.parse(text))
      if (line.kind === 'copied') resolve()
      if (line.kind === 'failed') reject(new Error(line.detail))
    })
    child.once('exit', (code) => reject(new Error(`the copier ended with ${code}`)))
  })

/** By turns; every copy is compared with what it was made from, outside the time. */
const compare = async (bench: Bench, root: string, tree: string, amount: number) => {
  let turn = 0
  const timed = async (work: (to: string) => Promise<void>): Promise<number> => {
    turn += 1
    const to = `copy-${turn}`
    syncAll(root)
    const began = performance.now()
    await work(to)
    const took = performance.now() - began
    execFileSync('diff', ['-rq', join(root, tree), join(root, to)])
    rmSync(join(root, to), { recursive: true })
    return amount / (took / 1000)
  }
  const turns = await takeTurns(bench, `copies of ${tree}`, [
    { who: 'seneschal', measure: () => timed((to) => copier(root, tree, to)) },
    {
      who: 'cp -r',
      measure: () =>
        timed(async (to) => {
          execFileSync('cp', ['-r', tree, to], { cwd: root })
          syncAll(root)
        }),
    },
  ])
  return { ours: turns.get('seneschal') ?? [], cp: turns.get('cp -r') ?? [] }
}

export const copies: Row = {
  name: 'copies',
  title: 'copies, hashed and on disk, beside `cp -r` and `sync -f`',
  run: async (bench) => {
    const root = mkdtempSync(join(tmpdir(), 'seneschal-copies-'))
    bench.defer(() => rmSync(root, { recursive: true, force: true }))
    const bytes = makeLarge(join(root, 'large'), bench.quick)
    const files = makeSmall(join(root, 'small'), bench.quick)
    const large = await compare(bench, root, 'large', bytes / MiB)
    const small = await compare(bench, root, 'small', files)
    const many = files.toLocaleString('en')
    return {
      figures: [
        ...against(
          { what: `4 large files, ${bytes / MiB} MB`, unit: 'MB/s', who: 'seneschal', rounds: large.ours },
          [{ who: 'cp -r', rounds: large.cp, budget: { text: '≥ 0.9 ×', holds: (ratio) => ratio >= 0.9 } }],
        ),
        ...against({ what: `${many} small files`, unit: '/s', who: 'seneschal', rounds: small.ours }, [
          { who: 'cp -r', rounds: small.cp, budget: { text: '≥ 0.5 ×', holds: (ratio) => ratio >= 0.5 } },
        ]),
      ],
      notes: ['ours includes the start of its process'],
    }
  },
}
