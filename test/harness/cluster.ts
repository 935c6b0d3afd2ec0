/** A cluster with real accounts: a host to submit from, nodes that run jobs, and what a hub needs for its servers there. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { SpawnerConfig } from '../../spawners/registry.ts'
import { type FleetGround, prepareFleet } from './fleet.ts'
import type { TestHost } from './hosts.ts'
import { startSlurm, type TestSlurm } from './slurm.ts'

type SlurmConfig = Extract<SpawnerConfig, { readonly kind: 'slurm' }>

export type Cluster = {
  readonly ground: FleetGround<SlurmConfig>
  readonly slurm: TestSlurm
  readonly login: TestHost
  readonly node: (name: string) => TestHost
}

export const startCluster = async (
  t: Pick<TestContext, 'after'>,
  options: { readonly nodes: readonly string[]; readonly accounts: number; readonly cores?: number },
): Promise<Cluster> => {
  const ground = await prepareFleet(t, {
    hosts: ['login', ...options.nodes],
    accounts: options.accounts,
    account: (_, command, far) => ({ command: `${command} --slurm ${join(far.dir, 'slurm/bin')}` }),
  })
  const { far, hosts } = ground
  const login = hosts.host('login')
  const nodes = options.nodes.map((name) => hosts.host(name))
  const slurm = await startSlurm({
    dir: far.dir,
    nodes,
    others: [login],
    ...(options.cores === undefined ? {} : { cores: options.cores }),
  })
  t.after(slurm.stop)
  const knownHosts = join(far.dir, 'known_hosts')
  await writeFile(knownHosts, hosts.hosts.map(({ name, hostKey }) => `${name} ${hostKey}\n`).join(''))
  const { keyFile } = ground.spawner
  return {
    ground: {
      ...ground,
      spawner: {
        kind: 'slurm',
        ...(keyFile === undefined ? {} : { keyFile }),
        knownHosts,
        cluster: 'test',
        submit: [{ name: login.name, address: login.address }],
        nodes: {
          names: ['node*'],
          addresses: Object.fromEntries(nodes.map(({ name, address }) => [name, address])),
        },
      },
    },
    slurm,
    login,
    node: hosts.host,
  }
}
