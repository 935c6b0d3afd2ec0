/** Somebody with raised privileges who goes on asking for things, tries again where that fails, and keeps the receipts. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from './kill-random.ts'
import type { Visitor } from './visitor.ts'

export type Ask = {
  readonly account: string
  readonly action: string
  readonly body: Readonly<Record<string, unknown>>
}
export type Receipt = { readonly id: string; readonly ask: Ask; readonly at: number }
export type Outcome = { readonly state: string; readonly code?: string; readonly reason?: string }

export type Asking = {
  readonly receipts: readonly Receipt[]
  readonly outcomes: ReadonlyMap<string, Outcome>
  /** Tries that brought no receipt: whether they counted nobody knows. */
  readonly failures: () => number
  readonly faults: () => readonly string[]
  /** Asks for no more; resolves when all that was promised has an outcome, or after that long. */
  readonly finish: (withinMs: number) => Promise<void>
  /** At once, whatever is open. */
  readonly close: () => void
}

const paused = new Set([429, 502, 503, 504])
const triesFor = 120_000

export const createSubmitter = (visitor: Visitor) => {
  let csrf = ''
  let failures = 0
  const faults: string[] = []

  const once = async ({ account, action, body }: Ask): Promise<string | undefined> => {
    const answer = await visitor
      .change('POST', `/api/accounts/${account}/actions/${action}`, body, csrf)
      .catch(() => undefined)
    if (answer?.status === 202) return (answer.body as { request: string }).request
    if (
      answer?.status === 403 &&
      (answer.body as { error?: { code?: string } }).error?.code === 'csrf.invalid'
    ) {
      const session = await visitor.ask('GET', '/api/session').catch(() => undefined)
      csrf = (session?.body as { csrf?: string } | undefined)?.csrf ?? csrf
      return undefined
    }
    failures += 1
    if (answer !== undefined && !paused.has(answer.status))
      faults.push(`${action}: ${answer.status} ${answer.text.slice(0, 200)}`)
    return undefined
  }

  return {
    failures: () => failures,
    faults,
    /** As somebody does who clicks again until it is accepted. */
    submit: async (ask: Ask, signal?: AbortSignal): Promise<Receipt | undefined> => {
      for (const end = Date.now() + triesFor; Date.now() < end; await sleep(200)) {
        if (signal?.aborted === true) return undefined
        const id = await once(ask)
        if (id !== undefined) return { id, ask, at: Date.now() }
      }
      faults.push(`${ask.action}: not accepted within ${triesFor / 1000} s`)
      return undefined
    },
  }
}

/** What is promised is not taken back: a receipt leads to its outcome, and never to "unknown". */
const outcomeOf = async (
  visitor: Visitor,
  receipt: Receipt,
  within: AbortSignal,
): Promise<Outcome | string> => {
  let seen = 'never answered'
  for (; !within.aborted; await sleep(300)) {
    const answer = await visitor.ask('GET', `/api/requests/${receipt.id}`).catch(() => undefined)
    if (answer === undefined || paused.has(answer.status)) continue
    if (answer.status !== 200)
      return `${receipt.id} was accepted; then ${answer.status} ${answer.text.slice(0, 200)}`
    const outcome = answer.body as Outcome
    if (outcome.state !== 'waiting') return outcome
    seen = outcome.state
  }
  return `${receipt.id} (${receipt.ask.action}) was accepted and has no outcome: ${seen}`
}

/** Each of `asks` makes the next thing to ask for; they take turns, about one in `everyMs`. */
export const startAsking = (
  visitor: Visitor,
  asks: readonly (() => Ask)[],
  everyMs: number,
  chance: Chance,
): Asking => {
  const submitter = createSubmitter(visitor)
  const receipts: Receipt[] = []
  const outcomes = new Map<string, Outcome>()
  const lost: string[] = []
  const patience = new AbortController()
  const following: Promise<void>[] = []
  let ended = false

  const followUp = async (receipt: Receipt): Promise<void> => {
    const outcome = await outcomeOf(visitor, receipt, patience.signal)
    if (typeof outcome === 'string') lost.push(outcome)
    else outcomes.set(receipt.id, outcome)
  }
  const run = async (next: () => Ask): Promise<void> => {
    while (!ended) {
      const receipt = await submitter.submit(next(), patience.signal)
      if (receipt !== undefined) {
        receipts.push(receipt)
        following.push(followUp(receipt))
      }
      await sleep(everyMs * asks.length * chance.between(0.5, 1.5))
    }
  }
  const people = asks.map(run)
  return {
    receipts,
    outcomes,
    failures: submitter.failures,
    faults: () => [...submitter.faults, ...lost],
    finish: async (withinMs) => {
      ended = true
      await Promise.all(people)
      const timer = setTimeout(() => patience.abort(), withinMs)
      await Promise.all(following)
      clearTimeout(timer)
    },
    close: () => {
      ended = true
      patience.abort()
    },
  }
}
