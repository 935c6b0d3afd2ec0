/** A hub as a process of its own, which can be killed at any moment and started again on what it left. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { HubSite } from './hub-site.ts'
import { greetsHttp } from './ports.ts'
import { until } from './until.ts'
import { createVisitor, type Visitor } from './visitor.ts'

const entry = join(import.meta.dirname, '../../cli/main.ts')

export type HubProcess = {
  readonly start: () => Promise<void>
  /** SIGKILL; resolves when it is gone. */
  readonly kill: () => Promise<void>
  /** SIGTERM. */
  readonly stop: () => Promise<void>
  readonly signIn: (person: string) => Promise<Visitor>
  readonly log: () => string
}

/** The site has `at`: a hub in another process does not tell which port it found. */
export const hubProcess = async (site: HubSite, port: number): Promise<HubProcess> => {
  const config = join(site.dir, 'etc/hub.yaml')
  // JSON is YAML.
  await writeFile(config, JSON.stringify({ ...site.written, logLevel: 'info' }))
  site.listens(port)
  let child: ChildProcess | undefined
  let ended: Promise<unknown> = Promise.resolve()
  let log = ''
  const end = async (signal: NodeJS.Signals) => {
    child?.kill(signal)
    await ended
    child = undefined
  }
  return {
    start: async () => {
      const started = spawn(process.execPath, [entry, 'hub', '--config', config], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: process.env.PATH ?? '', HOME: site.dir },
      })
      const note = (bytes: Buffer) => {
        log += bytes.toString()
      }
      started.stdout.on('data', note)
      started.stderr.on('data', note)
      child = started
      ended = once(started, 'exit')
      await until(async () => {
        if (started.exitCode !== null) throw new Error(`the hub ended: ${log}`)
        return await greetsHttp(port)
      }, 30_000)
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    signIn: async (person) => {
      const visitor = createVisitor({ origin: site.home, port })
      const page = await visitor.open('/auth/login')
      await visitor.submit(page, { name: person, password: person })
      return visitor
    },
    log: () => log,
  }
}
