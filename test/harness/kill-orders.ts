/** A site that is stopped part by part, and started again in another order. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Load, liveWithin } from './kill-load.ts'
import { killAll } from './kill-processes.ts'
import { account, type KillSite } from './kill-site.ts'
import { until } from './until.ts'

export type StoppablePart = 'hub' | 'daemon' | 'sshd' | 'uiserver'

const permutations = <T>(all: readonly T[]): readonly (readonly T[])[] =>
  all.length < 2
    ? [all]
    : all.flatMap((first) =>
        permutations(all.filter((other) => other !== first)).map((rest) => [first, ...rest]),
      )

export const orders = permutations<StoppablePart>(['hub', 'daemon', 'sshd', 'uiserver'])

/** As an administrator ends what has no service manager. */
const terminate = async (site: KillSite, part: 'sshd' | 'uiserver'): Promise<void> => {
  for (const { pid } of site.find(part))
    try {
      process.kill(pid, 'SIGTERM')
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown
    }
}

const stop = (site: KillSite, part: StoppablePart): Promise<void> =>
  part === 'hub' || part === 'daemon' ? site.stop(part) : terminate(site, part)

const backWithin = 60_000

/** When all sockets were live, after the last part was back; a UI server is back when the hub says so. */
export const stopAndStart = async (
  site: KillSite,
  load: Load,
  order: { readonly stops: readonly StoppablePart[]; readonly starts: readonly StoppablePart[] },
): Promise<{ readonly toLive: number; readonly faults: readonly string[] }> => {
  for (const part of order.stops) await stop(site, part)
  // A hub that was still there started UI servers again, and they do not all end at once.
  await until(async () => {
    await terminate(site, 'uiserver')
    return site.find('uiserver').length === 0
  }, 20_000)
  await killAll(site.find('sshd'))
  await until(() => load.followers.every((follower) => !follower.isLive()), 20_000)

  const since = Date.now()
  for (const part of order.starts) {
    if (part === 'sshd') await site.startSshd()
    else if (part !== 'uiserver') site.start(part)
    // Where the hub is not up yet, it starts them when somebody comes to look.
    else
      for (const index of [0, 1] as const)
        await load.raised.change('POST', `/api/accounts/${account(index)}/server`).catch(() => undefined)
  }
  const isOn = async (name: string): Promise<boolean> => {
    const answer = await load.raised.ask('GET', `/api/accounts/${name}`).catch(() => undefined)
    return (answer?.body as { server?: { state?: string } } | undefined)?.server?.state === 'on'
  }
  const isBack = async (): Promise<boolean> => {
    for (const part of ['hub', 'daemon', 'sshd'] as const)
      if (!(await site.answers(part, since))) return false
    return (await isOn(account(0))) && (await isOn(account(1)))
  }
  const faults: string[] = []
  const end = Date.now() + backWithin
  while (!(await isBack()) && Date.now() < end) await sleep(25)
  const backAt = Date.now()
  if (backAt >= end) faults.push('not back')
  while (!load.isLive() && Date.now() < end) await sleep(10)
  if (!load.isLive()) faults.push('not live again')
  const toLive = Math.max(0, ...load.followers.map((follower) => follower.liveSince() - backAt))
  if (toLive > liveWithin) faults.push(`live again ${toLive} ms after all was back`)
  const changed = await load.checkSession()
  if (changed !== undefined) faults.push(changed)
  return { toLive, faults }
}
