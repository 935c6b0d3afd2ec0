/**
 * A whole site of real parts (sshd, Unix accounts, hub and daemon as processes of their own service users) whose
 * parts can be killed, stopped and started one by one. Hub and daemon are started again as a service manager would.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Child, startChild } from '../../demo/children.ts'
import { type Layout, layoutAt, pinHubKeys } from '../../demo/layout.ts'
import { processesOf } from '../../demo/leftovers.ts'
import { accounts } from '../../demo/people.ts'
import { startSiteProvider } from '../../demo/site-provider.ts'
import { cleanSsh, prepareSsh } from '../../demo/ssh.ts'
import { sshdProgram } from '../../demo/sshd-program.ts'
import { everyProcess, type Process } from './kill-processes.ts'
import { removeLeftSites, siteParent } from './left-sites.ts'
import { takeTurn } from './one-at-a-time.ts'
import { greets } from './ports.ts'
import { freePorts } from './site.ts'
import { until } from './until.ts'

export const account = (index: 0 | 1): string => accounts[index]

/** Why such a site cannot stand here; false where it can. */
export const cannotStand: string | false =
  process.getuid?.() !== 0
    ? 'needs root for Unix accounts'
    : sshdProgram() === undefined
      ? 'no sshd on this machine'
      : false

export const parts = ['hub', 'daemon', 'sshd', 'uiserver', 'supervisor', 'agent'] as const
export type Part = (typeof parts)[number]

export type KillSite = {
  readonly url: string
  readonly port: number
  readonly layout: Layout
  readonly home: (account: string) => string
  /** Those of a part that run now; of one account alone, where that makes sense. */
  readonly find: (part: Part, account?: string) => readonly Process[]
  /** Nobody else does; nothing where its listener still runs. */
  readonly startSshd: () => Promise<void>
  readonly start: (part: 'hub' | 'daemon') => void
  /** In order, as a service manager stops a part. */
  readonly stop: (part: 'hub' | 'daemon') => Promise<void>
  /** Whether the part answers, as far as it can be asked. */
  readonly answers: (part: 'hub' | 'daemon' | 'sshd', since: number) => Promise<boolean>
  /** Ends of hub and daemon that no SIGKILL of ours explains. */
  readonly ownEnds: () => readonly string[]
  readonly close: () => Promise<void>
}

const isHealthy = async (url: string): Promise<boolean> => {
  try {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) })
    await answer.arrayBuffer()
    return answer.status === 200
  } catch {
    // Not listening yet.
    return false
  }
}

/** A connection's own processes go on when the listener is gone; they are told by their title. */
export const isConnection = (title: string): boolean =>
  accounts.some((name) => title.startsWith(`sshd: ${name}`) || title.startsWith(`sshd-session: ${name}`))

const words: Readonly<Record<'uiserver' | 'supervisor' | 'agent', RegExp>> = {
  uiserver: /\/far\/seneschal\.mjs uiserver /,
  supervisor: /\/far\/seneschal\.mjs supervisor /,
  agent: /\/far\/seneschal\.mjs agent /,
}

export const startKillSite = async (settings: {
  /** Path below the definitions directory → text. */
  readonly definitions: Readonly<Record<string, string>>
  readonly siteFile: string
  readonly restartAfterMs: number
}): Promise<KillSite> => {
  const giveUpTurn = await takeTurn()
  await removeLeftSites()
  // Other accounts must reach it, and a home of root is closed to them.
  const parent = mkdtempSync(siteParent)
  chmodSync(parent, 0o755)
  const dir = join(parent, 'site')
  const layout = layoutAt(dir)
  mkdirSync(layout.etc, { recursive: true })
  for (const [path, text] of Object.entries(settings.definitions)) {
    mkdirSync(dirname(join(layout.definitions, path)), { recursive: true })
    writeFileSync(join(layout.definitions, path), text)
  }
  writeFileSync(layout.siteFile, settings.siteFile)
  const clean = async (): Promise<void> => {
    try {
      await cleanSsh(dir, () => undefined)
      rmSync(parent, { recursive: true, force: true })
    } finally {
      await giveUpTurn()
    }
  }

  const running = new Map<'hub' | 'daemon', Child>()
  let ended = async (): Promise<void> => undefined
  try {
    const port = await freePorts()
    const ownEnds: string[] = []
    const say = (line: string): void => {
      if (/ ended \((?!SIGKILL)/.test(line)) ownEnds.push(line)
    }
    const laid = await prepareSsh({ dir, port, elevation: 'PT6H', fresh: false, say })
    const provider = await startSiteProvider(layout, laid.at)
    ended = async () => {
      await Promise.all([...running.values()].map((child) => child.stop()))
      await provider.close()
      await laid.endLeftovers()
    }
    const start = (part: 'hub' | 'daemon'): void => {
      running.set(part, startChild({ ...laid.parts[part], restartAfterMs: settings.restartAfterMs }))
    }
    const sshds = (all: readonly Process[]): readonly Process[] => {
      const listeners = new Set(processesOf(laid.sshd.config))
      return all.filter(({ pid, words: title }) => listeners.has(pid) || isConnection(title))
    }
    const find: KillSite['find'] = (part, of) => {
      const all = everyProcess()
      if (part === 'sshd') return sshds(all)
      if (part === 'hub' || part === 'daemon') {
        const pid = running.get(part)?.pid()
        return all.filter((process) => process.pid === pid)
      }
      return all.filter(({ pid, words: title }) => {
        if (!words[part].test(`${title} `)) return false
        // Other tests run beside this one, with agents of their own.
        const home = environmentOf(pid).find((entry) => entry.startsWith('HOME=')) ?? ''
        return of === undefined
          ? home.startsWith(`HOME=${layout.homes}/`)
          : home === `HOME=${join(layout.homes, of)}`
      })
    }
    const startSshd = async (): Promise<void> => {
      if (processesOf(laid.sshd.config).length > 0) return
      laid.sshd.start()
      await until(() => greets(laid.sshd.port))
    }
    const answers: KillSite['answers'] = async (part, since) => {
      if (part === 'hub') return isHealthy(laid.at.hub)
      if (part === 'sshd') return greets(laid.sshd.port)
      const file = join(layout.site, 'feed/site/heartbeat.json')
      return existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { at: number }).at > since
    }

    await startSshd()
    const begun = Date.now()
    start('hub')
    await until(() => existsSync(layout.hubKeys), 30_000)
    pinHubKeys(layout)
    start('daemon')
    await until(async () => (await answers('daemon', begun)) && (await answers('hub', begun)), 30_000)
    return {
      url: laid.at.hub,
      port,
      layout,
      home: (name) => join(layout.homes, name),
      find,
      startSshd,
      start,
      stop: async (part) => running.get(part)?.stop(),
      answers,
      ownEnds: () => ownEnds,
      close: async () => {
        await ended()
        await clean()
      },
    }
  } catch (thrown) {
    await ended()
    // Why it did not come up matters more than what is left of it.
    await clean().catch((left: unknown) => process.stderr.write(`not removed: ${left}\n`))
    throw thrown
  }
}

const environmentOf = (pid: number): readonly string[] => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
  } catch {
    // Gone by now.
    return []
  }
}
