/** Slurm's own commands, run as the account: what they print is parsed, and what they refuse is told in their words. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import type { SubmitSettings } from '../../protocol/agent.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { childEnvironment, type Environment } from '../../wire/environment.ts'

export type SlurmJob = {
  /** Slurm's number. */
  readonly job: string
  readonly instance: string
  /** `ending`: its processes are on their way down, after which it has ended or waits again. */
  readonly state: 'waiting' | 'running' | 'ending'
  /** Where its script runs; empty while it waits. */
  readonly node: string
  /** Slurm's word for why it does not run yet. */
  readonly why: string
}

export type Submission = {
  readonly instance: string
  readonly script: string
  /** What the job's processes and Slurm itself write, appended. */
  readonly log: string
  readonly resources: SubmitSettings['batch']
}

export type Slurm = {
  /** Resolves with the number of the new job. */
  readonly submit: (submission: Submission) => Promise<string>
  /** The account's UI servers that Slurm has as jobs and that have not ended. */
  readonly jobs: () => Promise<readonly SlurmJob[]>
  readonly cancel: (job: string) => Promise<void>
}

/** The controller answers within seconds, or is in trouble, ms. */
const patience = { query: 10_000, submit: 30_000 }
const outputLimit = 4 * 1024 * 1024

const jobName = (instance: string): string => `seneschal-ui-${instance}`

const ending = new Set(['COMPLETING', 'STAGE_OUT'])
const over = new Set([
  'BOOT_FAIL',
  'CANCELLED',
  'COMPLETED',
  'DEADLINE',
  'FAILED',
  'NODE_FAIL',
  'OUT_OF_MEMORY',
  'REVOKED',
  'TIMEOUT',
])
const running = new Set(['RUNNING', 'RESIZING', 'SIGNALING', 'STOPPED', 'SUSPENDED'])

/** Job number, state, first node, name, reason. Whatever else Slurm calls a state is one before the job runs. */
const queueFormat = '%A|%T|%B|%j|%r'
const queueLine = /^(\d{1,20})\|([A-Z_]+)\|([^|]*)\|seneschal-ui-([0-9a-f]{32})\|(.*)$/

export const parseQueue = (text: string): readonly SlurmJob[] =>
  text.split('\n').flatMap((line) => {
    const [, job = '', word = '', node = '', instance = '', why = ''] = queueLine.exec(line.trim()) ?? []
    if (instance === '' || over.has(word)) return []
    const state = ending.has(word) ? 'ending' : running.has(word) ? 'running' : 'waiting'
    return [{ job, instance, state, node: state === 'waiting' ? '' : node, why }]
  })

const resourceOptions = ({ minutes, cpus, memory, charge, ...named }: SubmitSettings['batch']) => [
  ...(charge === undefined ? [] : [`--account=${charge}`]),
  ...(minutes === undefined ? [] : [`--time=${minutes}`]),
  ...(cpus === undefined ? [] : [`--cpus-per-task=${cpus}`]),
  ...(memory === undefined ? [] : [`--mem=${memory}M`]),
  ...Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`])),
]

/** `%` begins one of sbatch's own patterns; behind a backslash none of them would be replaced, doubled ones included. */
const outputPattern = (path: string): string => {
  if (path.includes('\\')) throw new SeneschalError('agent.failed', 'Slurm takes no path with a backslash.')
  return path.replaceAll('%', '%%')
}

export const submitArguments = ({ instance, log, resources }: Omit<Submission, 'script'>): string[] => [
  '--parsable',
  `--job-name=${jobName(instance)}`,
  // Neither this environment nor one that a login shell would make: the job's file has what it needs.
  '--export=NIL',
  '--requeue',
  '--nodes=1',
  '--ntasks=1',
  '--chdir=/',
  '--open-mode=append',
  `--output=${outputPattern(log)}`,
  ...resourceOptions(resources),
]

/** `directory`: where the commands are. */
export const createSlurm = (env: Environment, directory: string | undefined): Slurm => {
  if (directory === undefined) throw new SeneschalError('agent.refused')
  const child = childEnvironment(env)
  if (env.SLURM_CONF !== undefined) child.SLURM_CONF = env.SLURM_CONF

  const run = (program: string, args: readonly string[], timeout: number, input = ''): Promise<string> =>
    new Promise((resolve, reject) => {
      const started = execFile(
        join(directory, program),
        args,
        { env: child, cwd: '/', timeout, killSignal: 'SIGKILL', maxBuffer: outputLimit },
        (error, stdout, stderr) => {
          if (error === null) return resolve(stdout)
          const isLate = error.killed === true
          const why = isLate ? `no answer within ${timeout / 1000} s` : stderr.trim() || error.message
          const isUnheard =
            isLate || /unable to contact slurm controller|timed out|connection refused/i.test(why)
          const code = isUnheard ? 'host.unreachable' : program === 'sbatch' ? 'spawn.failed' : 'agent.failed'
          reject(new SeneschalError(code, `${program}: ${why}`, { cause: error }))
        },
      )
      // One that ended before it read says why itself.
      started.stdin?.on('error', () => undefined).end(input)
    })

  return {
    submit: async (submission) => {
      const printed = await run('sbatch', submitArguments(submission), patience.submit, submission.script)
      // The number, and in a federation the name of the cluster.
      const [, job] = /^(\d{1,20})(?:;.*)?$/m.exec(printed) ?? []
      if (job === undefined) throw new SeneschalError('agent.failed', `sbatch: printed ${printed.trim()}`)
      return job
    },
    jobs: async () => {
      const user = `--user=${process.getuid?.() ?? ''}`
      return parseQueue(await run('squeue', ['--noheader', user, `--format=${queueFormat}`], patience.query))
    },
    cancel: async (job) => {
      try {
        await run('scancel', [job], patience.query)
      } catch (error) {
        // It ended meanwhile.
        if (!/invalid job id|already (completing|completed)/i.test((error as Error).message)) throw error
      }
    },
  }
}
