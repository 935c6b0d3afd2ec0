/** The program as an administrator would install it: Node, the bundles and the pages, root-owned and world-readable. */
import { chmodSync, copyFileSync, cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { own } from './own.ts'

const dist = join(dirname(import.meta.dirname), 'dist')

export type Installation = {
  readonly node: string
  /** Program for the far side: `seneschal agent …`. */
  readonly agent: string
  /** Entry of hub and daemon. */
  readonly entry: string
  readonly webDir: string
}

export const install = (target: string): Installation => {
  const staged = `${target}.new`
  rmSync(staged, { recursive: true, force: true })
  mkdirSync(join(staged, 'bin'), { recursive: true, mode: 0o755 })
  copyFileSync(process.execPath, join(staged, 'bin/node'))
  chmodSync(join(staged, 'bin/node'), 0o755)
  for (const part of ['far', 'site', 'web']) cpSync(join(dist, part), join(staged, part), { recursive: true })
  own(staged)
  writeFileSync(
    join(staged, 'bin/seneschal'),
    `#!/bin/sh\nexec ${join(target, 'bin/node')} ${join(target, 'far/seneschal.mjs')} "$@"\n`,
    { mode: 0o755 },
  )
  rmSync(target, { recursive: true, force: true })
  renameSync(staged, target)
  return {
    node: join(target, 'bin/node'),
    agent: join(target, 'bin/seneschal'),
    entry: join(target, 'site/seneschal.mjs'),
    webDir: join(target, 'web'),
  }
}
