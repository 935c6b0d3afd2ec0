/** Where the running installation lies, as far as plugins' hosts need it. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

export type Installation = {
  readonly node: string
  /** Starts a host: the entry file, then the verb. */
  readonly entry: readonly [string, ...string[]]
  /** What the entry needs to be seen. */
  readonly expose: readonly string[]
  /** The built-in plugins. */
  readonly builtin: string
}

/** `file` = the entry that was started: in a checkout, in the package, or the bundle. */
export const installationOf = (node: string, file: string): Installation => {
  const here = dirname(file)
  const above = dirname(here)
  // A bundle is whole; the package and a checkout have their libraries beside the folders.
  const isBundle = existsSync(join(here, 'plugins'))
  const isBuilt = !isBundle && !existsSync(join(above, 'package.json'))
  return {
    node,
    entry: [file, 'plugin-host'],
    expose: [isBundle ? here : isBuilt ? dirname(above) : above],
    builtin: join(isBundle ? here : above, 'plugins'),
  }
}
