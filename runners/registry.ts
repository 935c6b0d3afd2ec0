/** The runners that a supervisor has, by the name that a task's `runner:` says. */

import type { runnerNames } from '../protocol/jobs.ts'
import { type BackgroundDeps, createBackground } from './background.ts'
import type { Runner } from './contract.ts'

const factories = { background: createBackground } as const satisfies Record<
  (typeof runnerNames)[number],
  (deps: BackgroundDeps) => Runner
>

export const createRunners = (deps: BackgroundDeps): ReadonlyMap<string, Runner> =>
  new Map(Object.entries(factories).map(([name, create]) => [name, create(deps)]))
