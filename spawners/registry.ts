/** Every spawner that a configuration may name. A new one: one file, one row in each of the two lists. */
import { z } from 'zod/mini'
import { SeneschalError } from '../protocol/errors.ts'
import type { Spawner, SpawnerDefinition, SpawnerDeps } from './contract.ts'
import { loadSpawnerModule, moduleOptions } from './load-module.ts'
import { localComplete, localOptions, localSpawner } from './local.ts'
import { slurmComplete, slurmOptions, slurmSpawner } from './slurm.ts'
import { sshComplete, sshOptions, sshSpawner } from './ssh.ts'

/** The part of the configuration that chooses a spawner: its name as `kind`, and its own options beside it. */
export const spawnerConfig = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('local'), ...localOptions.shape }).check(localComplete),
  z.strictObject({ kind: z.literal('ssh'), ...sshOptions.shape }).check(sshComplete),
  z.strictObject({ kind: z.literal('slurm'), ...slurmOptions.shape }).check(slurmComplete),
  z.strictObject({ kind: z.literal('module'), ...moduleOptions.shape }),
])
export type SpawnerConfig = Readonly<z.infer<typeof spawnerConfig>>
type BuiltIn = Exclude<SpawnerConfig, { readonly kind: 'module' }>

type Registry = {
  readonly [Kind in BuiltIn['kind']]: SpawnerDefinition<Omit<Extract<BuiltIn, { kind: Kind }>, 'kind'>>
}

export const spawners: Registry = { local: localSpawner, ssh: sshSpawner, slurm: slurmSpawner }

export const createSpawner = (config: BuiltIn, deps: SpawnerDeps): Spawner => {
  switch (config.kind) {
    case 'local':
      return spawners.local.create(config, deps)
    case 'ssh':
      return spawners.ssh.create(config, deps)
    case 'slurm':
      return spawners.slurm.create(config, deps)
  }
}

/** Also one from a file of the site's own; rejects with `config.invalid` where that is not what it should be. */
export const openSpawner = async (config: SpawnerConfig, deps: SpawnerDeps): Promise<Spawner> => {
  if (config.kind !== 'module') return createSpawner(config, deps)
  const module = await loadSpawnerModule(config.path)
  if (module.name !== config.name)
    throw new SeneschalError(
      'config.invalid',
      `spawner ${config.path}: calls itself ${module.name}, not ${config.name}.`,
    )
  const files = Object.fromEntries(module.files)
  deps.warn('The spawner comes from a file of the site.', { path: config.path, name: config.name, files })
  return module.create(config.options, deps)
}
