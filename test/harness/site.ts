/** A whole demonstration site as somebody would start it: `seneschal demo`, its own processes, its own directory. */
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { installDefinitions } from '../../demo/definitions.ts'
import { type Layout, layoutAt } from '../../demo/layout.ts'
import { cleanSsh } from '../../demo/ssh.ts'
import { removeLeftSites, siteParent } from './left-sites.ts'
import { takeTurn } from './one-at-a-time.ts'

const root = dirname(dirname(import.meta.dirname))

export type RunningSite = {
  readonly url: string
  readonly layout: Layout
  /** Everything that the command printed so far. */
  readonly output: () => string
  /** Ctrl-C, and waits for the end; rejects where it does not come. */
  readonly stop: () => Promise<void>
}

export type SiteOptions = {
  readonly ssh: boolean
  /** ISO 8601. */
  readonly elevation: string
  /** More definitions: path below the definitions directory → text. */
  readonly definitions?: Readonly<Record<string, string>>
  /** Instead of the demonstration's own site file. */
  readonly siteFile?: string
}

/** Three neighbouring free ports: hub, provider, sshd. */
export const freePorts = async (): Promise<number> => {
  const open = (port: number) =>
    new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
  for (let tries = 0; tries < 100; tries++) {
    const port = 20_000 + Math.floor(Math.random() * 20_000)
    if ((await open(port)) && (await open(port + 1)) && (await open(port + 2))) return port
  }
  throw new Error('no free ports')
}

const readyMs = 90_000

/** With `ssh` it waits until no other such site stands on this machine. */
export const startSite = async (options: SiteOptions): Promise<RunningSite> => {
  const giveUpTurn = options.ssh ? await takeTurn() : async () => undefined
  if (options.ssh) await removeLeftSites()
  // Other accounts must reach it, and a home of root is closed to them.
  const parent = mkdtempSync(options.ssh ? siteParent : join(tmpdir(), 'seneschal-site-'))
  chmodSync(parent, 0o755)
  const layout = layoutAt(join(parent, 'site'))
  mkdirSync(layout.etc, { recursive: true })
  installDefinitions(layout.definitions, Date.now())
  for (const [path, text] of Object.entries(options.definitions ?? {})) {
    mkdirSync(dirname(join(layout.definitions, path)), { recursive: true })
    writeFileSync(join(layout.definitions, path), text)
  }
  if (options.siteFile !== undefined) writeFileSync(layout.siteFile, options.siteFile)
  const port = await freePorts()
  const child = spawn(
    process.execPath,
    [
      join(root, 'cli/main.ts'),
      'demo',
      '--port',
      String(port),
      '--dir',
      layout.dir,
      '--elevation',
      options.elevation,
      ...(options.ssh ? ['--ssh'] : []),
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/', LANG: 'C.UTF-8' },
    },
  )
  let output = ''
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no site after ${readyMs} ms:\n${output}`)), readyMs)
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
        if (/^Ready: /m.test(output)) {
          clearTimeout(timer)
          resolve()
        }
      })
    void ended.then((code) => reject(new Error(`the site ended with ${code}:\n${output}`)))
  })
  const clean = async (): Promise<void> => {
    try {
      if (options.ssh) await cleanSsh(layout.dir, () => undefined)
      rmSync(parent, { recursive: true, force: true })
    } finally {
      await giveUpTurn()
    }
  }
  try {
    await ready
  } catch (thrown) {
    child.kill('SIGKILL')
    await ended
    await clean()
    throw thrown
  }
  return {
    url: `http://localhost:${port}`,
    layout,
    output: () => output,
    stop: async () => {
      child.kill('SIGINT')
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
      const code = await ended
      clearTimeout(timer)
      await clean()
      if (code !== 0) throw new Error(`the site did not end in order (${code}):\n${output}`)
    },
  }
}
