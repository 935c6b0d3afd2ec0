/** A site at work: workflows that cycle, somebody who asks for things, pages that are open, a session that is raised. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { siteLayout } from '../../daemon/layout.ts'
import { putRequest } from '../../durable/inbox.ts'
import { type Ask, type Asking, createSubmitter, startAsking } from './kill-people.ts'
import type { Chance } from './kill-random.ts'
import { raise, rememberSession, signIn } from './kill-session.ts'
import { account, type KillSite } from './kill-site.ts'
import { type Follower, follow } from './kill-sockets.ts'
import { until } from './until.ts'
import type { Visitor } from './visitor.ts'

/** Every job writes its name when it begins and when it ends: the files count, whatever anybody says. */
const counted = (pause: string): string =>
  [
    'echo "$SENESCHAL_JOB" >>"$SENESCHAL_SHARE_DIR/begun"',
    pause,
    'echo "$SENESCHAL_JOB" >>"$SENESCHAL_SHARE_DIR/ended"',
    '',
  ].join('\n')

/** `long` sleeps through most kills, `begin` and `finish` are over before anybody looks. */
const steady = JSON.stringify({
  schedule: { initial: 1, recurrence: 'P1', runahead: 3 },
  graph: 'begin => short & middle & long => finish',
  families: { root: { script: counted('sleep "$PAUSE"') } },
  tasks: Object.fromEntries(
    Object.entries({ begin: '0.1', short: '0.7', middle: '3', long: '6', finish: '0.1' }).map(
      ([task, pause]) => [task, { environment: { PAUSE: pause } }],
    ),
  ),
})
/** `watch` runs from the first moment to the last; `answer` runs once for each request that asks for it. */
const asked = JSON.stringify({
  schedule: { initial: 1, recurrence: 'P1', runahead: 1 },
  graph: ['watch', 'answer?'],
  tasks: {
    watch: { script: counted('while [ ! -e "$SENESCHAL_SHARE_DIR/over" ]; do sleep 1; done') },
    answer: { script: counted(':') },
  },
})
const held = JSON.stringify({
  schedule: { initial: 1, final: 1, recurrence: 'P1' },
  graph: 'once',
  tasks: { once: { script: counted(':') } },
})

export const definitions: Readonly<Record<string, string>> = {
  [`${account(0)}/steady/workflow.yaml`]: steady,
  [`${account(0)}/asked/workflow.yaml`]: asked,
  [`${account(1)}/steady/workflow.yaml`]: steady,
  [`${account(0)}/held/workflow.yaml`]: held,
}
export const siteFile = JSON.stringify({
  permissions: { read: ['everyone'], execute: ['everyone'] },
  accounts: { [account(0)]: {}, [account(1)]: {} },
})

/** Files that are no requests, put into the inbox now and then as any user could; counts them. */
const startLittering = (site: KillSite, everyMs: number) => {
  const { temp, inbox } = siteLayout(site.layout.site)
  const over = new AbortController()
  let count = 0
  const work = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await putRequest({ temp, inbox, id: randomUUID(), body: { version: 1, litter: count } })
      count += 1
      await sleep(everyMs, undefined, { signal: over.signal }).catch(() => undefined)
    }
  }
  const ended = work()
  return {
    end: async (): Promise<number> => {
      over.abort()
      await ended
      return count
    },
  }
}

/** What is promised to whoever looks, ms. */
export const liveWithin = 3000

export type Load = {
  readonly raised: Visitor
  readonly followers: readonly Follower[]
  /** All sockets. */
  readonly isLive: () => boolean
  readonly asking: Asking
  /** Says what is not as it was before the first kill. */
  readonly checkSession: () => Promise<string | undefined>
  /** No more new work; resolves when all that runs has ended. */
  readonly settle: () => Promise<void>
  /** Files that were no requests; after `settle`. */
  readonly litter: () => number
  readonly close: () => void
}

/** All on the first account: the pages of the second are helped by nobody's click. */
const asks = (): readonly (() => Ask)[] => {
  let cycle = 1
  let isHeld = false
  const wanted = { account: account(0), body: { workflow: 'held' } }
  return [
    () => {
      cycle += 1
      return {
        account: account(0),
        action: 'trigger',
        body: { workflow: 'asked', cycle: String(cycle), task: 'answer' },
      }
    },
    () => {
      isHeld = !isHeld
      return { ...wanted, action: isHeld ? 'hold' : 'release' }
    },
  ]
}

const mostRuns = (rows: ReadonlyMap<string, string>): boolean =>
  [...rows].some(
    ([key, row]) => key.startsWith('instance ') && /"state":"(?:preparing|submitted|running)"/.test(row),
  )

export const startLoad = async (site: KillSite, chance: Chance, everyMs: number): Promise<Load> => {
  const mel = await signIn(site, 'mel')
  const raised = await signIn(site, 'jacintar')
  await raise(raised, 'jacintar')
  const checkSession = await rememberSession(site, raised)

  for (const index of [0, 1] as const) {
    const answer = await raised.change('POST', `/api/accounts/${account(index)}/server`)
    assert.ok(answer.status < 300, answer.text)
  }
  const stream = (name: string, workflow: string) => `/u/${name}/stream?workflow=${workflow}`
  const followers = [
    follow(site, mel, '/api/wall'),
    follow(site, mel, stream(account(0), 'steady')),
    follow(site, raised, stream(account(0), 'asked')),
    follow(site, mel, stream(account(1), 'steady')),
    follow(site, raised, `/u/${account(1)}/stream`),
  ]
  const asking = startAsking(raised, asks(), everyMs, chance)
  const littering = startLittering(site, 2 * everyMs)
  let litter = 0
  const close = (): void => {
    asking.close()
    void littering.end()
    for (const follower of followers) follower.close()
  }
  const isLive = () => followers.every((follower) => follower.isLive())
  const isUp = () => isLive() && asking.outcomes.size > 1
  await until(isUp, 30_000).catch((thrown: unknown) => {
    close()
    throw new Error(`not up: ${[...asking.faults(), ...followers.flatMap((each) => each.faults())]}`, {
      cause: thrown,
    })
  })

  return {
    raised,
    followers,
    isLive,
    asking,
    checkSession,
    litter: () => litter,
    settle: async () => {
      litter = await littering.end()
      writeFileSync(join(site.home(account(0)), 'seneschal-run/asked/share/over'), '')
      const submitter = createSubmitter(raised)
      for (const [name, workflow] of [
        [account(0), 'steady'],
        [account(0), 'asked'],
        [account(1), 'steady'],
      ] as const)
        await submitter.submit({ account: name, action: 'hold', body: { workflow } })
      // The stream of a whole account has no instances; the others do.
      await until(
        () => followers.every((follower) => follower.isLive() && !mostRuns(follower.picture())),
        90_000,
      )
    },
    close,
  }
}
