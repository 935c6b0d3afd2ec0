/**
 * What is said between a caller (hub or daemon) and the agent on the far side, after the preamble.
 *
 * Caller → agent: one line of JSON, the verb's input; stdin then stays open, and its end cancels the verb.
 * Agent → caller: lines of JSON, `progress` any number of times, then one `answer` or `error`. After the answer
 * to `connect` and `jobs` the channel is a plain byte stream to the UI server's or supervisor's socket.
 */
import { z } from 'zod/mini'
import { absolutePath, accountName } from './ids.ts'

/** Names one run of a UI server: random, chosen by whoever starts it, so that a stored handle fits only that run. */
export const instanceId = z.string().check(z.regex(/^[0-9a-f]{32}$/))
const count = z.number().check(z.int(), z.nonnegative())
/** Epoch, ms. */
const time = z.number().check(z.int(), z.nonnegative())

export const siteDirectories = z.strictObject({
  /** Where requests are moved to, and where they are written first. */
  inbox: absolutePath,
  temp: absolutePath,
  /** The account's own feed. */
  feed: absolutePath,
  jobEvents: z.optional(absolutePath),
})

/** Where the verbs look; without it `~/.seneschal/run`. Several servers of one user need one each. */
const runDirRoot = z.optional(absolutePath)
/** The run directories of the account's workflows, job logs in them; without it `~/seneschal-run`. */
const jobRoot = z.optional(absolutePath)

/** What the caller of a start decides; the spawner adds `host` and, where configured, `runDirRoot`. */
export const spawnSettings = z.strictObject({
  /** Of this shape, not of the product. */
  version: z.literal(1),
  account: accountName,
  instance: instanceId,
  site: siteDirectories,
  /** The UI server's own data (its read model); without it `~/.seneschal/state`. */
  stateDir: z.optional(absolutePath),
  jobRoot,
  /** The hub's public keys as a JWK set: whose assertions the UI server believes. */
  hubKeys: z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())) }),
  /** `iss` of assertions and grants. */
  issuer: z.string().check(z.minLength(1)),
  /** Ends itself after so long without successful activity. */
  idleMinutes: z.number().check(z.positive()),
})
export type SpawnSettings = Readonly<z.infer<typeof spawnSettings>>

/** Input of `start`. */
export const startSettings = z.strictObject({
  ...spawnSettings.shape,
  host: z.string(),
  runDirRoot,
  /** The hub's time when it wrote this, epoch ms. */
  at: z.optional(z.number()),
})
export type StartSettings = Readonly<z.infer<typeof startSettings>>

/** A word of Slurm's own, such as a partition; no expression of several, and no option. */
const slurmWord = z.optional(z.string().check(z.regex(/^[A-Za-z0-9_][A-Za-z0-9_.@:+-]{0,62}$/)))

/** What the job asks of Slurm: each is sbatch's option of the same name. */
export const batchResources = {
  partition: slurmWord,
  /** Slurm's account, which pays. */
  charge: slurmWord,
  qos: slurmWord,
  constraint: slurmWord,
  reservation: slurmWord,
  /** Until Slurm ends it: sbatch's `time`. */
  minutes: z.optional(z.number().check(z.int(), z.positive(), z.lte(525_600))),
  cpus: z.optional(z.number().check(z.int(), z.positive(), z.lte(4096))),
  /** Of the node's memory, MiB. */
  memory: z.optional(z.number().check(z.int(), z.positive(), z.lte(16_777_216))),
}

/** Input of `submit`: the UI server as a job of the cluster that the agent's host submits to. */
export const submitSettings = z.strictObject({
  ...spawnSettings.shape,
  runDirRoot,
  /** The hub's time when it wrote this, epoch ms. */
  at: z.optional(z.number()),
  batch: z.strictObject(batchResources),
})
export type SubmitSettings = Readonly<z.infer<typeof submitSettings>>

/** What a job finds in its file when it starts, and again where Slurm starts it anew. */
export const batchFile = z.strictObject({
  settings: z.strictObject({ ...spawnSettings.shape, runDirRoot, hubAhead: z.number() }),
  /** HOME, PATH, locale: Slurm gives a job none of them. */
  env: z.record(z.string(), z.string()),
})
export type BatchFile = Readonly<z.infer<typeof batchFile>>

/** What the UI server reads from its stdin, whole, until the end. */
export const serverSettings = z.strictObject({
  ...startSettings.shape,
  socket: absolutePath,
  /** By how much the hub's clock was ahead of the host's when it asked for the start, ms. */
  hubAhead: z.optional(z.number()),
})
export type ServerSettings = Readonly<z.infer<typeof serverSettings>>

/** Input of `connect`, `status`, `stop`, `stats` and `version`. */
export const verbInput = z.strictObject({
  runDirRoot,
  /** `connect` and `stop` only: refuse, or do nothing, if another run of the server is up by now. */
  instance: z.optional(instanceId),
  /** `status` only: with the last lines of its log, also of one that runs. */
  log: z.optional(z.boolean()),
})
export type VerbInput = Readonly<z.infer<typeof verbInput>>

/** Input of `queue` and `cancel`: one job, by the instance that it runs. */
export const batchInput = z.strictObject({ runDirRoot, instance: instanceId })
export type BatchInput = Readonly<z.infer<typeof batchInput>>

/** Input of `jobs`; used to start a supervisor where none is running. */
export const jobsSettings = z.strictObject({
  version: z.literal(1),
  account: accountName,
  runDirRoot,
  jobRoot,
  /** Where this account's jobs write their events. */
  jobEvents: absolutePath,
  /** The job wrapper, where the site has its own. */
  wrapper: z.optional(absolutePath),
})
export type JobsSettings = Readonly<z.infer<typeof jobsSettings>>

/** What the supervisor reads from its stdin, whole, until the end. */
export const supervisorSettings = z.strictObject({ ...jobsSettings.shape, socket: absolutePath })
export type SupervisorSettings = Readonly<z.infer<typeof supervisorSettings>>

/**
 * UI server and supervisor alike: started with their settings as JSON on stdin, they listen on `socket` and print
 * `{"ready":true}` as one line on stdout when they accept connections; before it `{"progress":"…"}` lines are
 * passed on to whoever waits. stdout and stderr are a log file in the run directory, 0600.
 */
export const readyLine = z.union([
  z.strictObject({ ready: z.literal(true) }),
  z.strictObject({ progress: z.string() }),
])

const running = {
  instance: instanceId,
  pid: count,
  startedAt: time,
  /** Of the product that is running there. */
  version: z.string(),
}

/** Answer of `start`; also of `connect` and `jobs`, where it says whose socket the bytes now go to. */
export const startAnswer = z.object({ ...running, socket: absolutePath })
export type StartAnswer = Readonly<z.infer<typeof startAnswer>>

const asked = {
  /** Resident, bytes. */
  memory: z.optional(count),
  log: z.optional(z.array(z.string())),
}

export const statusAnswer = z.discriminatedUnion('state', [
  z.object({ state: z.literal('running'), ...running, ...asked, socket: absolutePath }),
  /**
   * The process lives but its socket does not answer: hung, or on its way down; or merely slow, if it is busy: at work
   * while it was waited for, or waiting for a processor or a disk.
   */
  z.object({ state: z.literal('silent'), busy: z.optional(z.boolean()), ...running, ...asked }),
  /** The last one ended; `log` has its last lines. */
  z.object({ state: z.literal('exited'), ...running, log: z.array(z.string()) }),
  /** None was started since the host came up. */
  z.object({ state: z.literal('off') }),
])
export type StatusAnswer = Readonly<z.infer<typeof statusAnswer>>

/** `stopped` is false where nothing (or another instance) was running. */
export const stopAnswer = z.object({ stopped: z.boolean() })
export type StopAnswer = Readonly<z.infer<typeof stopAnswer>>

/** Slurm's number of a job. */
const jobNumber = z.string().check(z.regex(/^\d{1,20}$/))

/** Answer of `submit`: the job that is there now, whichever instance it runs. */
export const submitAnswer = z.object({ instance: instanceId, job: jobNumber })
export type SubmitAnswer = Readonly<z.infer<typeof submitAnswer>>

export const queueAnswer = z.discriminatedUnion('state', [
  /** It waits, or waits again; `why` is Slurm's own word. */
  z.object({ state: z.literal('waiting'), job: jobNumber, why: z.string() }),
  z.object({ state: z.literal('running'), job: jobNumber, node: z.string() }),
  /** It ended, or there never was one. `log` has its last lines. */
  z.object({ state: z.literal('absent'), log: z.array(z.string()) }),
])
export type QueueAnswer = Readonly<z.infer<typeof queueAnswer>>

/** Answer of `cancel`: `cancelled` is false where there was none. */
export const cancelAnswer = z.object({ cancelled: z.boolean() })
export type CancelAnswer = Readonly<z.infer<typeof cancelAnswer>>

const figure = z.number().check(z.nonnegative(), z.lte(1_000_000))
/** Told by an agent that runs as the account, and so bounded: no host is that large. */
export const statsAnswer = z.object({
  /** Mean length of the run queue over 1, 5 and 15 minutes. */
  load: z.tuple([figure, figure, figure]),
  cores: figure.check(z.int(), z.positive()),
  /** Bytes. */
  memory: z.object({ total: count, available: count }),
  /** UI servers of this installation on the host, as far as the account can see. */
  sessions: figure.check(z.int()),
})
export type StatsAnswer = Readonly<z.infer<typeof statsAnswer>>

export const versionAnswer = z.object({ protocol: count, version: z.string(), node: z.string() })
export type VersionAnswer = Readonly<z.infer<typeof versionAnswer>>

/** Input of `facts`: how the account, on that host, sees these places. */
export const factsInput = z.strictObject({
  paths: z.array(absolutePath).check(z.maxLength(50)),
})
export type FactsInput = Readonly<z.infer<typeof factsInput>>

export const factsAnswer = z.object({
  host: z.string(),
  uid: count,
  /** Of all groups, the primary one among them. */
  groups: z.array(count),
  /** The host's clock while it answered, epoch ms. */
  now: time,
  version: z.string(),
  /** Whether there is the shell that job wrappers need. */
  shell: z.boolean(),
  paths: z.array(
    z.object({
      path: z.string(),
      /** Null where the account finds nothing there. */
      found: z.nullable(
        z.object({
          uid: count,
          gid: count,
          mode: count,
          readable: z.boolean(),
          writable: z.boolean(),
        }),
      ),
    }),
  ),
})
export type FactsAnswer = Readonly<z.infer<typeof factsAnswer>>

/** One line from the agent. `code` is one of protocol/errors.ts, or a later agent's own. */
export const agentMessage = z.union([
  z.object({ progress: z.string() }),
  z.object({ answer: z.unknown() }),
  z.object({ error: z.object({ code: z.string(), detail: z.optional(z.string()) }) }),
])
