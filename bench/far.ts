/** The upstream of the bench as one file beside a Node that every account may run. */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rolldown } from 'rolldown'

export type Far = {
  readonly node: string
  readonly entry: string
  readonly remove: () => void
}

export const bundleUpstream = async (): Promise<Far> => {
  const dir = mkdtempSync(join(tmpdir(), 'seneschal-bench-far-'))
  chmodSync(dir, 0o755)
  const built = await rolldown({
    input: { upstream: join(import.meta.dirname, 'upstream/main.ts') },
    platform: 'node',
    external: [/^node:/, 'bufferutil', 'utf-8-validate'],
    logLevel: 'warn',
  })
  await built.write({ dir, format: 'esm', entryFileNames: '[name].mjs', chunkFileNames: 'chunk-[hash].mjs' })
  await built.close()
  mkdirSync(join(dir, 'bin'))
  const node = join(dir, 'bin/node')
  copyFileSync(process.execPath, node)
  chmodSync(node, 0o755)
  return {
    node,
    entry: join(dir, 'upstream.mjs'),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
}
