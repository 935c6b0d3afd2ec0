/**
 * Takes plugin runs from the request to their end: asks the plugin, starts what is due, says how it ended. It knows
 * nothing that the journal does not, so a restart goes on wherever the last daemon was.
 */
import { asSeneschalError, type ErrorCode, SeneschalError } from '../../protocol/errors.ts'
import { type Verdict, verdict } from '../../protocol/plugins.ts'
import { leavesOf, parseStep, type Step } from '../../protocol/steps.ts'
import type { Accepted, DaemonEvent, Outcome } from '../events.ts'
import { done, type Plan, refuse } from '../handlers/handler.ts'
import type { Publisher } from '../published.ts'
import { publicName } from '../requests.ts'
import type { DaemonState } from '../state.ts'
import { toldArgs } from '../told-args.ts'
import type { Active, ActivePlugins } from './active.ts'
import type { Executors } from './executors.ts'
import type { HostAnswer } from './host-messages.ts'
import { progressOf, type Run } from './runs.ts'

export type Conductor = {
  /** What becomes of a request that policy allows: refused, or a run that goes on by itself. */
  readonly begin: (request: Accepted) => Plan
  /** Something is new in these runs, and on disk. */
  readonly look: (keys: readonly string[]) => void
  /** After a restart. */
  readonly resume: () => void
  readonly close: () => void
}

export type ConductorParts = {
  readonly plugins: Pick<ActivePlugins, 'find' | 'exactly'>
  readonly state: DaemonState
  readonly executors: Executors
  /** Whether something new may start for the account now; whoever changes that has its runs looked at again. */
  readonly mayBegin: (account: string) => boolean
  readonly publisher: Publisher
  readonly commit: (events: readonly DaemonEvent[]) => Promise<void>
  readonly now: () => number
  readonly onProblem: (error: unknown) => void
}

const wasStopped = 'It was ended before its last step began.'

const mayAsk = ({ config }: Active, { ask, stranger }: Accepted): boolean =>
  stranger === true ? config.anyUser : config.accounts === undefined || config.accounts.includes(ask.account)

const ended = (state: Outcome['state'], code: ErrorCode | null, reason: string | null): Outcome => ({
  state,
  code,
  reason: reason === null ? null : reason.slice(0, 1000),
})

const parseVerdict = (value: unknown): Verdict => {
  const parsed = verdict.safeParse(value)
  if (parsed.success) return parsed.data
  throw new SeneschalError('plugin.failed', 'Its rule answered neither yes nor no.')
}

/** What the plugin said, as a step or as the end of the request. */
const judge = (answer: HostAnswer): Step | Outcome => {
  if ('invalid' in answer) return ended('refused', 'args.invalid', answer.invalid.join('; '))
  if ('step' in answer) return parseStep(answer.step)
  const ruling = parseVerdict('verdict' in answer ? answer.verdict : undefined)
  if (ruling.allowed) throw new SeneschalError('plugin.failed', 'It allowed the request and planned nothing.')
  return ended('refused', 'plugin.refused', ruling.reason)
}

export const createConductor = (parts: ConductorParts): Conductor => {
  const { state, plugins, executors, commit, now } = parts
  /** Runs whose plugin is being asked, and leaves that were started, by this daemon. */
  const asked = new Set<string>()
  const started = new Map<string, Set<number>>()
  let closed = false

  const finish = async (key: string, outcome: Outcome): Promise<void> => {
    const request = state.requests.waiting.get(key)?.request
    if (request === undefined) return
    const { uid, id } = request
    const name = publicName(state.requests, request)
    started.delete(key)
    await commit([{ kind: 'done', at: now(), uid, id, outcome }])
    await parts.publisher.publish(name, { id, state: outcome.state, code: outcome.code, at: now() })
  }

  /** A step nobody here can carry out is known before anything is begun. */
  const objection = (run: Run, step: Exclude<Step, { kind: 'reject' }>): string | undefined => {
    for (const leaf of leavesOf(step)) {
      const executor = executors[leaf.kind]
      if (executor === undefined) return `It planned a ${leaf.kind}, which this daemon cannot carry out.`
      const why = executor.objection(run.account, leaf)
      if (why !== undefined) return why
    }
    return undefined
  }

  const decide = async (run: Run, { ask, person, groups }: Accepted): Promise<Step | Outcome> => {
    const plugin = plugins.exactly(run.plugin)
    if (plugin === undefined)
      return ended(
        'refused',
        'plugin.none',
        `${run.plugin.name}@${run.plugin.version} is not active any more.`,
      )
    const request = { id: run.id, account: run.account, person, groups, args: ask.args, at: run.at }
    try {
      const found = judge(await plugin.host.decide({ op: 'decide', request }))
      if ('state' in found || found.kind === 'reject') return found
      const why = objection(run, found)
      return why === undefined ? found : ended('failed', 'plugin.failed', why)
    } catch (thrown) {
      const error = asSeneschalError(thrown)
      return ended('failed', error.code, error.detail ?? null)
    }
  }

  const askPlugin = async (key: string, run: Run): Promise<void> => {
    const request = state.requests.waiting.get(key)?.request
    if (request === undefined || asked.has(key)) return
    asked.add(key)
    try {
      const found = await decide(run, request)
      // The next daemon asks again.
      if (closed) return
      if ('state' in found) await finish(key, found)
      else if (found.kind === 'reject') await finish(key, ended('refused', 'plugin.refused', found.reason))
      else await commit([{ kind: 'run-planned', at: now(), uid: run.uid, id: run.id, plan: found }])
    } finally {
      asked.delete(key)
    }
  }

  const startLeaves = (key: string, run: Run): void => {
    const begun = started.get(key) ?? new Set<number>()
    started.set(key, begun)
    for (const leaf of run.leaves) {
      if (leaf.state !== 'under-way' || begun.has(leaf.number) || !parts.mayBegin(run.account)) continue
      begun.add(leaf.number)
      executors[leaf.step.kind]?.start(run, leaf)
    }
  }

  const cancelLeaves = (run: Run): void => {
    for (const leaf of run.leaves)
      if (leaf.state === 'under-way') executors[leaf.step.kind]?.cancel(run, leaf)
  }

  const failureOf = (run: Run): string =>
    run.leaves
      .filter(({ state: how }) => how === 'failed')
      .map(({ number, note }) => (run.leaves.length === 1 ? note : `Step ${number}: ${note}`))
      .join(' ')

  /** What its executors say of parts that went well: how much was copied. */
  const notesOf = (run: Run): string | null => run.leaves.flatMap(({ note }) => note ?? []).join(' ') || null

  const lookAt = async (key: string): Promise<void> => {
    const run = state.runs.byRequest.get(key)
    if (run === undefined || closed) return
    if (run.plan === undefined)
      return run.stopping ? finish(key, ended('failed', 'step.failed', wasStopped)) : askPlugin(key, run)
    const progress = progressOf(run)
    if (progress.state === 'succeeded')
      await finish(key, ended('done', null, run.plan.message ?? notesOf(run)))
    else if (progress.state === 'failed')
      await finish(key, ended('failed', 'step.failed', failureOf(run) || wasStopped))
    else if (run.stopping) cancelLeaves(run)
    else startLeaves(key, run)
  }

  const look = (keys: readonly string[]): void => {
    for (const key of keys) void lookAt(key).catch((error) => (closed ? undefined : parts.onProblem(error)))
  }

  return {
    begin: (request) => {
      const plugin = plugins.find(request.ask.plugin ?? '')
      if (plugin === undefined || !mayAsk(plugin, request))
        return refuse('plugin.none', 'No such plugin is active here.')
      const { uid, id, ask } = request
      const told = toldArgs(ask.args, plugin.description.audit)
      const begun: DaemonEvent = { kind: 'run-begun', at: now(), uid, id, plugin: plugin.identity, told }
      return { ...done([begun]), goesOn: true }
    },
    look,
    resume: () => {
      for (const [key, { uid, id }] of state.runs.byRequest) {
        const name = publicName(state.requests, { id, uid })
        void parts.publisher.publish(name, { id, state: 'waiting', code: null, at: now() })
        look([key])
      }
    },
    close: () => {
      closed = true
    },
  }
}
