/** How the account, on this host, sees what the daemon sees: ids, places, clock. For `seneschal daemon check --from`. */
import { constants } from 'node:fs'
import { access, lstat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { type FactsAnswer, factsInput } from '../../protocol/agent.ts'
import { version } from '../../protocol/version.ts'
import { parseInputAs } from './input.ts'
import type { Verb } from './verb.ts'

const may = (path: string, mode: number): Promise<boolean> =>
  access(path, mode).then(
    () => true,
    () => false,
  )

const look = async (path: string): Promise<FactsAnswer['paths'][number]> => {
  // Whatever keeps the account from it, it is not there for it.
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return { path, found: null }
  const { uid, gid, mode } = found
  const [readable, writable] = await Promise.all([
    may(path, constants.R_OK | constants.X_OK),
    may(path, constants.W_OK | constants.X_OK),
  ])
  return { path, found: { uid, gid, mode: mode & 0o7777, readable, writable } }
}

export const facts: Verb = async ({ input, answer }) => {
  const { paths } = parseInputAs(factsInput, input)
  const places: FactsAnswer['paths'][number][] = []
  for (const path of paths) places.push(await look(path))
  const found: FactsAnswer = {
    host: hostname(),
    uid: process.getuid?.() ?? 0,
    groups: process.getgroups?.() ?? [],
    version,
    shell: await may('/bin/sh', constants.X_OK),
    paths: places,
    // Last, so that it is as young as it can be.
    now: Date.now(),
  }
  answer(found)
}
