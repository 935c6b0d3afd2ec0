/**
 * What a spawner module imports as `seneschal/spawner`: the contract, and the parts of which `local` and `ssh` are made.
 * The installation that runs the module provides it.
 */
import type { Infer, ObjectSchema } from '../protocol/json-schema.ts'
import { type Spawner, type SpawnerDeps, spawnerContract } from './contract.ts'

export type { AgentVerb } from '../protocol/agent-line.ts'
export { isErrorCode, SeneschalError } from '../protocol/errors.ts'
export { createLocalTransport, type LocalTransportOptions } from '../wire/local-transport.ts'
export type { Channel, Exit, Transport } from '../wire/transport.ts'
export { type AgentSpawnerOptions, createAgentSpawner } from './agent-spawner.ts'
export type { CandidateHost } from './choose-host.ts'
export * from './contract.ts'

/** The default export of a spawner module. */
export type SpawnerModule<Schema extends ObjectSchema = ObjectSchema> = {
  /** The `spawnerContract` it was written for. */
  readonly contract: number
  /** Small letters, digits and hyphens; the configuration names it too. */
  readonly name: string
  /** Its options, in the part of JSON Schema that plugins use; defaults are filled in. */
  readonly options: Schema
  /** Called once, when the hub starts. */
  readonly create: (options: Infer<Schema>, deps: SpawnerDeps) => Spawner
}

/** Types the options by their schema; gives back what it gets, with the contract of this installation. */
export const defineSpawner = <const Schema extends ObjectSchema>(
  module: Omit<SpawnerModule<Schema>, 'contract'>,
): SpawnerModule<Schema> => ({ contract: spawnerContract, ...module })
