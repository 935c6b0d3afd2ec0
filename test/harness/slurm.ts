/**
 * A real Slurm on hosts of their own: its controller here, a slurmd on each node, and one munge for all of them, which
 * is a socket in a directory that they share. No host has Slurm's commands on its PATH.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestHost } from './hosts.ts'
import { freePort } from './ports.ts'
import { killIfThere } from './unix-accounts.ts'
import { until } from './until.ts'

const unpacked = join(import.meta.dirname, '..', '..', '.cache', 'slurm')
const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
const at = (...path: string[]) => join(unpacked, ...path)
const libraries = [at('usr/lib', triplet), at('usr/lib', triplet, 'slurm-wlm')].join(':')

export const canRunSlurm = (): boolean => existsSync(at('usr/sbin/slurmctld-wlm'))

export type TestSlurm = {
  /** For `--slurm`: sbatch, squeue and scancel, which find this cluster by themselves. */
  readonly commands: string
  /** As root; resolves with what it printed. */
  readonly run: (program: 'scontrol' | 'squeue' | 'scancel' | 'sinfo', ...args: string[]) => Promise<string>
  /** Ends the controller at once, all present jobs being saved, and starts it again. */
  readonly stopController: () => Promise<void>
  readonly startController: () => Promise<void>
  /** After `boot` of a node: its slurmd. */
  readonly startNode: (node: TestHost) => Promise<void>
  readonly stop: () => Promise<void>
}

const ended = async (child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> => {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const over = once(child, 'exit')
  killIfThere(child.pid, signal)
  await over
}

export const startSlurm = async (options: {
  /** An existing directory that everybody may enter; the caller removes it. */
  readonly dir: string
  readonly nodes: readonly TestHost[]
  /** From which its controller is reached besides. */
  readonly others?: readonly TestHost[]
  /** Cores of each node as far as Slurm knows; a job takes one. */
  readonly cores?: number
}): Promise<TestSlurm> => {
  const dir = join(options.dir, 'slurm')
  const { nodes, others = [], cores = 2 } = options
  for (const path of [dir, join(dir, 'bin'), join(dir, 'munge')])
    await mkdir(path, { recursive: true, mode: 0o755 })
  // The accounts cannot read a checkout, and the daemons start programs that they run as accounts.
  const copy = spawn('cp', ['-r', at('usr'), dir])
  await once(copy, 'exit')
  const own = (...path: string[]) => join(dir, 'usr', ...path)
  const library = libraries.replaceAll(unpacked, dir)
  const conf = join(dir, 'slurm.conf')
  const port = await freePort()
  const [first] = nodes
  if (first === undefined) throw new Error('a cluster needs a node')
  const lines = [
    'ClusterName=test',
    `SlurmctldHost=${hostname().split('.')[0]}(${first.gateway})`,
    `SlurmctldPort=${port}`,
    'SlurmUser=root',
    'SlurmdUser=root',
    'AuthType=auth/munge',
    'CredType=cred/munge',
    `AuthInfo=socket=${dir}/munge/socket`,
    `PluginDir=${own('lib', triplet, 'slurm-wlm')}`,
    `StateSaveLocation=${dir}/state`,
    `SlurmdSpoolDir=${dir}/spool-%n`,
    `SlurmctldPidFile=${dir}/slurmctld.pid`,
    'SlurmdPidFile=/run/slurmd.pid',
    `SlurmctldLogFile=${dir}/slurmctld.log`,
    `SlurmdLogFile=${dir}/slurmd-%n.log`,
    'ProctrackType=proctrack/linuxproc',
    'TaskPlugin=task/none',
    'JobAcctGatherType=jobacct_gather/none',
    'AccountingStorageType=accounting_storage/none',
    'MpiDefault=none',
    'SwitchType=switch/none',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_Core',
    'SchedulerType=sched/builtin',
    'SchedulerParameters=batch_sched_delay=0,sched_interval=2',
    'SlurmdParameters=config_overrides',
    'ReturnToService=2',
    'SlurmdTimeout=10',
    'InactiveLimit=0',
    'KillWait=3',
    'MinJobAge=5',
    'TreeWidth=65533',
    'JobRequeue=1',
    ...nodes.map(
      ({ name, address }) =>
        `NodeName=${name} NodeAddr=${address} CPUs=${cores} RealMemory=1000 State=UNKNOWN`,
    ),
    `PartitionName=main Nodes=ALL Default=YES MaxTime=60 State=UP`,
  ]
  await writeFile(conf, `${lines.join('\n')}\n`, { mode: 0o644 })
  await writeFile(join(dir, 'munge/key'), randomBytes(128), { mode: 0o600 })
  await mkdir(join(dir, 'state'), { mode: 0o700 })
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LD_LIBRARY_PATH: library, SLURM_CONF: conf }
  const commands = join(dir, 'bin')
  for (const program of ['sbatch', 'squeue', 'scancel', 'scontrol', 'sinfo']) {
    const script = `#!/bin/sh\nexport SLURM_CONF='${conf}' LD_LIBRARY_PATH='${library}'\nexec '${own('bin', program)}' "$@"\n`
    await writeFile(join(commands, program), script)
    await chmod(join(commands, program), 0o755)
  }

  const children = new Map<string, ChildProcess>()
  const begin = (name: string, program: string, args: readonly string[]) =>
    void children.set(name, spawn(program, args, { env, stdio: 'ignore' }))
  const run: TestSlurm['run'] = async (program, ...args) => {
    const child = spawn(join(commands, program), args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    await once(child, 'close')
    return text
  }
  const answers = async (wanted: RegExp): Promise<boolean> =>
    wanted.test(await run('sinfo', '-h', '-N', '-o', '%N=%t'))
  const startController = async () => {
    begin('slurmctld', own('sbin/slurmctld-wlm'), ['-D', '-f', conf])
    await until(() => answers(/=/), 20_000)
  }
  const connect = ({ exec, gateway }: TestHost) => exec('ip', 'route', 'replace', 'default', 'via', gateway)
  const startNode = async (node: TestHost) => {
    await connect(node)
    const inside = node.inside(
      ...['env', `LD_LIBRARY_PATH=${library}`, own('sbin/slurmd-wlm'), '-D', '-f', conf, '-N', node.name],
      ...['-d', own('sbin/slurmstepd-wlm')],
    )
    begin(node.name, 'nsenter', inside)
    await until(() => answers(new RegExp(`^${node.name}=(idle|mix|alloc)$`, 'm')), 30_000)
  }
  const stop = async () => {
    await Promise.all([...children.values()].map((child) => ended(child, 'SIGKILL')))
  }
  try {
    begin('munged', own('sbin/munged'), [
      ...['--foreground', '--force', `--key-file=${dir}/munge/key`, `--socket=${dir}/munge/socket`],
      ...[`--pid-file=${dir}/munge/pid`, `--log-file=${dir}/munge/log`, `--seed-file=${dir}/munge/seed`],
    ])
    await until(() => existsSync(join(dir, 'munge/socket')))
    await startController()
    for (const host of others) await connect(host)
    for (const node of nodes) await startNode(node)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    commands,
    run,
    stopController: async () => {
      // What has changed is saved within five seconds; a job that began later would be begun again.
      await sleep(6000)
      await ended(children.get('slurmctld'), 'SIGKILL')
    },
    startController,
    startNode,
    stop,
  }
}
