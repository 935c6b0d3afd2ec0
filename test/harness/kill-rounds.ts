/**
 * Kills parts of a site at work, alone and in pairs, at moments and in an order that the seed decides, and looks after
 * each kill whether everything goes on.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Load, liveWithin } from './kill-load.ts'
import { killAll, type Process } from './kill-processes.ts'
import type { Chance } from './kill-random.ts'
import { account, isConnection, type KillSite, type Part, parts } from './kill-site.ts'
import { tearLastLines } from './kill-torn.ts'

export type Kill = {
  readonly name: string
  /** From the moment when the last part that was killed was back to that when all sockets were live, ms. */
  readonly toLive: number
  /** From the first kill on. */
  readonly outage: number
}

export type Rounds = {
  readonly kills: readonly Kill[]
  readonly killed: ReadonlyMap<Part, number>
  readonly torn: () => number
  readonly faults: readonly string[]
}

const noticedWithin = 300
/** A part that is not back by then does not come back. */
const backWithin = 60_000

const accountsOf = [account(0), account(1), undefined] as const

type Victim = {
  readonly part: Part
  readonly account: string | undefined
  readonly processes: readonly Process[]
  /** Epoch ms. */
  readonly at: number
}

export const createKiller = (site: KillSite, load: Load, chance: Chance) => {
  const kills: Kill[] = []
  const killed = new Map<Part, number>()
  const faults: string[] = []
  let torn = 0

  /** The listener alone, the connections alone, or both. */
  const someOf = (part: Part, found: readonly Process[]): readonly Process[] => {
    if (part !== 'sshd' || found.length < 2) return found
    const connections = found.filter(({ words }) => isConnection(words))
    return chance.pick([found, connections, found.filter((each) => !connections.includes(each))])
  }
  const choose = async (part: Part): Promise<Omit<Victim, 'at'>> => {
    const of = chance.pick(accountsOf)
    for (const end = Date.now() + backWithin; Date.now() < end; await sleep(20)) {
      const processes = someOf(part, site.find(part, of))
      if (processes.length > 0) return { part, account: of, processes }
    }
    throw new Error(`there is no ${part} to kill`)
  }

  const strike = async (part: Part): Promise<Victim> => {
    const victim = { ...(await choose(part)), at: Date.now() }
    await killAll(victim.processes)
    killed.set(part, (killed.get(part) ?? 0) + 1)
    // Before it is started again: hub and daemon are down for a moment.
    if (part === 'hub' || part === 'daemon') torn += tearLastLines(site.layout, part, chance)
    return victim
  }

  /** The supervisor's callers and the agents come by themselves when they are needed. */
  const back = async ({ part, account: of, processes, at }: Victim): Promise<boolean> => {
    if (part === 'supervisor' || part === 'agent') return true
    if (part !== 'uiserver') return site.answers(part, at)
    const dead = new Set(processes.map(({ pid, start }) => `${pid} ${start}`))
    for (const name of of === undefined ? [account(0), account(1)] : [of]) {
      if (site.find('uiserver', name).every(({ pid, start }) => dead.has(`${pid} ${start}`))) return false
      const answer = await load.raised.ask('GET', `/api/accounts/${name}`).catch(() => undefined)
      if ((answer?.body as { server?: { state?: string } } | undefined)?.server?.state !== 'on') return false
    }
    return true
  }
  /** When it was so, epoch ms. */
  const whenBack = async (victim: Victim): Promise<number> => {
    for (const end = Date.now() + backWithin; Date.now() < end; await sleep(25))
      if (await back(victim)) return Date.now()
    faults.push(`${victim.part} did not come back within ${backWithin / 1000} s`)
    return Date.now()
  }

  const round = async (chosen: readonly Part[]): Promise<void> => {
    const name = chosen.join(' + ')
    const victims: Victim[] = []
    const returns: Promise<number>[] = []
    for (const [index, part] of chosen.entries()) {
      if (index > 0) await sleep(chance.between(0, 500))
      const victim = await strike(part)
      victims.push(victim)
      if (part === 'sshd') {
        await sleep(chance.between(50, 800))
        await site.startSshd()
      }
      returns.push(whenBack(victim))
    }
    const since = victims[0]?.at ?? 0
    const backAt = Math.max(...(await Promise.all(returns)))
    // Until then somebody may not have noticed yet that anything is gone.
    await sleep(Math.max(0, since + noticedWithin - Date.now()))
    for (const end = Date.now() + backWithin; !load.isLive() && Date.now() < end; ) await sleep(10)
    const liveAt = Math.max(backAt, ...load.followers.map((follower) => follower.liveSince()))
    const toLive = liveAt - backAt
    if (!load.isLive()) faults.push(`${name}: sockets were not live again`)
    else if (toLive > liveWithin) faults.push(`${name}: live again ${toLive} ms after the part was back`)
    kills.push({ name, toLive, outage: liveAt - since })
    const changed = await load.checkSession()
    if (changed !== undefined) faults.push(`${name}: ${changed}`)
  }

  return {
    /** Until so many processes of each kind were killed in all; `pauseMs` = the longest quiet between two rounds. */
    run: async (count: number, pauseMs: number, say: (line: string) => void): Promise<Rounds> => {
      const total = () => [...killed.values()].reduce((sum, one) => sum + one, 0)
      // Each part in its turn, so that none is spared by chance.
      for (let turn = 0; total() < count; turn += 1) {
        await sleep(chance.between(0, pauseMs))
        const first = parts[turn % parts.length] ?? 'hub'
        const second = chance.pick(parts.filter((part) => part !== first))
        const chosen = chance.next() < 0.45 && total() + 2 <= count ? [first, second] : [first]
        await round(chosen)
        const last = kills.at(-1)
        say(
          `${total()}/${count} ${chosen.join(' + ')}: live after ${last?.toLive} ms, ${last?.outage} ms in all`,
        )
      }
      return { kills, killed, torn: () => torn, faults }
    },
  }
}
