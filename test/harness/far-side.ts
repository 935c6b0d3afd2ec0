/** Copies of what the far side needs where every account can read it: a checkout may be in a private directory. */
import { chmod, copyFile, cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentRole } from '../../protocol/agent-line.ts'

export type FarSide = {
  /** World-readable; also room for a test's own files. */
  readonly dir: string
  readonly node: string
  readonly entry: string
  /** As it stands in authorized_keys; the feed's is of `site` in `dir`. */
  readonly command: (role: AgentRole) => string
  readonly remove: () => Promise<void>
}

const root = join(import.meta.dirname, '..', '..')
const shared = ['package.json', 'protocol', 'wire', 'node_modules/zod']
const sides = {
  /** The real agent, stand-ins for what it starts. */
  agent: {
    parts: ['uiserver/agent', 'durable'],
    entry: 'test/harness/agent-entry.ts',
  },
  /** All of it, as the product has it. */
  product: {
    parts: [
      ...['policy', 'config', 'durable', 'runners', 'uiserver', 'cli'],
      ...['jose', 'ws', 'yaml'].map((name) => `node_modules/${name}`),
    ],
    entry: 'cli/far.ts',
  },
} as const

export const installFarSide = async (side: keyof typeof sides = 'agent'): Promise<FarSide> => {
  const { parts, entry: program } = sides[side]
  const dir = await mkdtemp(join(tmpdir(), 'far-side-'))
  await chmod(dir, 0o755)
  for (const part of [...shared, ...parts, program])
    await cp(join(root, part), join(dir, part), { recursive: true })
  await mkdir(join(dir, 'bin'))
  const node = join(dir, 'bin', 'node')
  await copyFile(process.execPath, node)
  await chmod(node, 0o755)
  const entry = join(dir, program)
  return {
    dir,
    node,
    entry,
    command: (role) =>
      `${node} ${entry} agent --role ${role}${role === 'feed' ? ` --site ${join(dir, 'site')}` : ''}`,
    // Something may still write there as it ends.
    remove: () => rm(dir, { recursive: true, force: true, maxRetries: 5 }),
  }
}
