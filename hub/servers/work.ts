/** What is being done to one server: one thing at a time. Whoever wants another waits for its end; only a start is joined. */

/** `done` never rejects. */
export type Work = { readonly kind: 'start' | 'stop' | 'clear' | 'adopt'; readonly done: Promise<void> }
export type Start = Work & {
  readonly kind: 'start'
  readonly result: Promise<void>
  readonly abort: AbortController
}

export type Bench = {
  readonly present: () => Work | Start | undefined
  /** Gives the task back: how it failed is for whoever asked, and for the log. */
  readonly engage: (kind: 'stop' | 'clear' | 'adopt', task: Promise<void>) => Promise<void>
  /** `then` follows at once when the bench is free again, with how the start failed, if it did. */
  readonly begin: (abort: AbortController, result: Promise<void>, then: (failure?: unknown) => void) => Start
  /** Ends a start that is under way. */
  readonly abort: (why: Error) => void
  /** Resolves when nothing is being done. */
  readonly free: () => Promise<void>
}

export const createBench = (onFailure: (kind: Work['kind'], error: unknown) => void): Bench => {
  let present: Work | Start | undefined
  return {
    present: () => present,
    engage: (kind, task) => {
      const mine: Work = {
        kind,
        done: task
          .catch((error: unknown) => onFailure(kind, error))
          .finally(() => {
            if (present === mine) present = undefined
          }),
      }
      present = mine
      return task
    },
    begin: (abort, result, then) => {
      const done = result.then(
        () => {
          present = undefined
          then()
        },
        // Those who asked for it are told by `result`.
        (failure: unknown) => {
          present = undefined
          then(failure)
        },
      )
      const mine: Start = { kind: 'start', result, done, abort }
      present = mine
      return mine
    },
    abort: (why) => {
      if (present !== undefined && 'abort' in present) present.abort.abort(why)
    },
    free: async () => {
      while (present !== undefined) await present.done
    },
  }
}
