/** Every spawner that a configuration may name. A new one: one file, one row in each of the two lists. */
import { z } from 'zod/mini'
import type { Spawner, SpawnerDefinition, SpawnerDeps } from './contract.ts'
import { localOptions, localSpawner } from './local.ts'
import { sshOptions, sshSpawner } from './ssh.ts'

/** The part of the configuration that chooses a spawner: its name as `kind`, and its own options beside it. */
export const spawnerConfig = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('local'), ...localOptions.shape }),
  z.strictObject({ kind: z.literal('ssh'), ...sshOptions.shape }),
])
export type SpawnerConfig = Readonly<z.infer<typeof spawnerConfig>>

type Registry = {
  readonly [Kind in SpawnerConfig['kind']]: SpawnerDefinition<
    Omit<Extract<SpawnerConfig, { kind: Kind }>, 'kind'>
  >
}

export const spawners: Registry = { local: localSpawner, ssh: sshSpawner }

export const createSpawner = (config: SpawnerConfig, deps: SpawnerDeps): Spawner => {
  switch (config.kind) {
    case 'local':
      return spawners.local.create(config, deps)
    case 'ssh':
      return spawners.ssh.create(config, deps)
  }
}
