/** A request's way from acceptance to its answer. Requests about one workflow are answered in the order they came. */
import { SeneschalError } from '../protocol/errors.ts'
import type { PermissionSnapshot } from '../protocol/permissions.ts'
import { type CarriedOut, carryOut } from './carry-out.ts'
import type { Core } from './core.ts'
import type { Accepted } from './events.ts'
import type { Desk } from './handlers/handler.ts'
import type { Log } from './log.ts'
import type { Publisher } from './published.ts'
import { known, publicName } from './requests.ts'

export type Processor = {
  /** Resolves when the answer is on disk and published. */
  readonly process: (request: Accepted) => Promise<void>
  /** Those that were accepted before a crash and not answered. */
  readonly resume: () => Promise<void>
}

export type ProcessorParts = {
  readonly core: Core
  readonly desk: Desk
  readonly permissions: () => PermissionSnapshot
  readonly publisher: Publisher
  readonly log: Log
}

export const createProcessor = (parts: ProcessorParts): Processor => {
  const { core, desk, publisher } = parts
  /** Workflows with a request that is still being decided. */
  const turns = new Map<string, Promise<void>>()

  const failed = (request: Accepted, error: unknown): CarriedOut => {
    parts.log.error({ err: error, request: request.id, action: request.ask.action }, 'a request failed')
    const code = error instanceof SeneschalError ? error.code : 'internal'
    const outcome = { state: 'failed', code, reason: null } as const
    const { uid, id } = request
    return { events: [{ kind: 'done', at: desk.now(), uid, id, outcome }], outcome }
  }

  const decide = (request: Accepted): CarriedOut | Promise<CarriedOut> => {
    try {
      const decided = carryOut(request, desk, parts.permissions())
      return decided instanceof Promise ? decided.catch((error: unknown) => failed(request, error)) : decided
    } catch (error) {
      return failed(request, error)
    }
  }

  const finish = async (
    request: Accepted,
    name: string,
    { events, afterwards }: CarriedOut,
  ): Promise<void> => {
    // Applied in the turn in which it was decided: nothing comes between.
    await core.commit(events)
    afterwards?.()
    // What became of it, which need not be what was meant to.
    const found = known(core.state.requests, request.uid, request.id)
    const { state, code } =
      found?.waiting === false ? found.answer : { state: 'waiting' as const, code: null }
    await publisher.publish(name, { id: request.id, state, code, at: desk.now() })
  }

  /** Decides and applies; what is returned resolves when the answer is on disk, `turn` when the next may be decided. */
  const answer = (
    request: Accepted,
    name: string,
  ): { readonly done: Promise<void>; readonly turn?: Promise<void> } => {
    const decided = decide(request)
    if (!(decided instanceof Promise)) return { done: finish(request, name, decided) }
    void publisher.publish(name, { id: request.id, state: 'waiting', code: null, at: desk.now() })
    const applied = decided.then((carriedOut) => ({ done: finish(request, name, carriedOut) }))
    return { done: applied.then(({ done }) => done), turn: applied.then(() => undefined) }
  }

  /** Whoever comes while a file is being read for the same workflow waits until that request is decided. */
  const inTurn = (request: Accepted): Promise<void> => {
    const name = publicName(core.state.requests, request)
    const key = `${request.ask.account}/${request.ask.workflow ?? ''}`
    const before = turns.get(key)
    if (before === undefined) {
      const { done, turn } = answer(request, name)
      if (turn !== undefined) hold(key, turn)
      return done
    }
    const answered = before.then(() => answer(request, name))
    hold(
      key,
      answered.then(({ turn }) => turn),
    )
    return answered.then(({ done }) => done)
  }
  const hold = (key: string, turn: Promise<void>): void => {
    const settled = turn.catch(() => undefined)
    turns.set(key, settled)
    void settled.then(() => {
      if (turns.get(key) === settled) turns.delete(key)
    })
  }

  return {
    process: (request) => {
      void core.commit([{ kind: 'accepted', at: desk.now(), request }])
      return inTurn(request)
    },
    resume: async () => {
      // What has begun was decided; its conductor goes on with it.
      const undecided = [...core.state.requests.waiting].filter(
        ([key]) => !core.state.runs.byRequest.has(key),
      )
      await Promise.all(undecided.map(([, { request }]) => inTurn(request)))
    },
  }
}
