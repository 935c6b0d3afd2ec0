/**
 * Servers as jobs of a Slurm cluster: submitted by the account itself through the agent on a submit host, then reached
 * through the agent on whichever node the job got.
 */
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod/mini'
import { batchResources, instanceId, type QueueAnswer, type SpawnSettings } from '../protocol/agent.ts'
import { asSeneschalError, SeneschalError } from '../protocol/errors.ts'
import { accountName } from '../protocol/ids.ts'
import {
  type CallOptions,
  callCancel,
  callQueue,
  callStatus,
  callSubmit,
  openServer,
} from '../wire/agent-calls.ts'
import { presentOutput } from '../wire/channel.ts'
import type { Transport } from '../wire/transport.ts'
import {
  type Handle,
  type ServerState,
  type Spawner,
  type SpawnerDefinition,
  spawnerContract,
} from './contract.ts'
import { repeated, telling } from './mistakes.ts'
import { stateOfInstance } from './server-state.ts'
import {
  createSshRoad,
  hostKeys,
  hostMistakes,
  hostName,
  namedHost,
  port,
  roadMistakes,
  roadOptions,
} from './ssh-road.ts'
import { createTunnels } from './tunnels.ts'

export const slurmOptions = z.strictObject({
  /** What people see as the host of these servers; `slurm`. */
  cluster: z.optional(hostName),
  /** Where jobs are submitted and asked for; each further one stands in for those before it. */
  submit: z.array(z.strictObject(namedHost)).check(z.minLength(1)),
  /** Where jobs may run, and how their nodes are reached. */
  nodes: z.strictObject({
    /** As Slurm calls them; `*` stands for anything but a dot. A job on any other node is not followed there. */
    names: z.array(z.string().check(z.regex(/^[A-Za-z0-9*][A-Za-z0-9.*-]{0,254}$/))).check(z.minLength(1)),
    /** Of nodes that are not reached under their name. */
    addresses: z.optional(z.record(hostName, hostName)),
    port,
    hostKeys,
    /** One of `jumps`. */
    jump: z.optional(hostName),
  }),
  /** What each job asks of Slurm; the cluster's own defaults without it. */
  batch: z.optional(z.strictObject(batchResources)),
  ...roadOptions,
})
export type SlurmOptions = Readonly<z.infer<typeof slurmOptions>>

/** What the schema of one field cannot say. */
export const slurmComplete = telling((options: SlurmOptions) => [
  ...roadMistakes(options),
  ...options.submit.flatMap((host, index) => hostMistakes(options, host, ['submit', index])),
  ...repeated(options.submit, ['submit']),
  ...hostMistakes(options, options.nodes, ['nodes']),
])

/** `version` is of this shape: a later hub reads what an earlier one stored. */
const slurmHandle = z.object({
  version: z.literal(1),
  account: accountName,
  instance: instanceId,
})
type SlurmHandle = Readonly<z.infer<typeof slurmHandle>>

const parseHandle = (handle: Handle): SlurmHandle => {
  const parsed = slurmHandle.safeParse(handle)
  if (parsed.success) return parsed.data
  throw new SeneschalError('internal', 'A stored handle is not one of this spawner.', { cause: parsed.error })
}

/** sbatch gets 30 s, and waits for whoever submits or cancels at the same time. */
const submitTimeout = 60_000
const cancelTimeout = 60_000
/** Between two questions about a job that waits: each costs the controller something, ms. */
const firstLook = 500
const lastLook = 5000
/** So many in a row without an answer, and nobody knows what becomes of the job. */
const mostUnanswered = 10
/** A node that Slurm starts a job on may still be coming up, ms. */
const nodePatience = 30_000
/** A node that is well says so sooner; one that is not must leave time to ask Slurm, ms. */
const askNodeFirst = 3000

/** Whether a host of that name is one of these nodes. */
export const nodeMatcher = (patterns: readonly string[]) => {
  const expressions = patterns.map(
    (pattern) => new RegExp(`^${pattern.split('*').map(RegExp.escape).join('[^.]*')}$`),
  )
  return (name: string) =>
    hostName.safeParse(name).success && expressions.some((expression) => expression.test(name))
}

export const slurmSpawner: SpawnerDefinition<SlurmOptions> = {
  contract: spawnerContract,
  create: (options, deps) => {
    const cluster = options.cluster ?? 'slurm'
    const road = createSshRoad(options, deps)
    const tunnels = createTunnels()
    const isNode = nodeMatcher(options.nodes.names)
    const submitters = new Map<string, Transport>()
    /** By instance: where its server was found last. */
    const found = new Map<string, { readonly node: string; readonly transport: Transport }>()

    const noise = (account: string, host: string) => (text: string) =>
      deps.warn('A login script printed before the agent spoke.', { account, host, text })

    /** Asks the first submit host that can be reached. */
    const atSubmit = async <Answer>(
      account: string,
      signal: AbortSignal | undefined,
      call: (transport: Transport, options: CallOptions) => Promise<Answer>,
    ): Promise<Answer> => {
      let unheard: unknown
      for (const host of options.submit) {
        const key = `${account}@${host.name}`
        const transport = submitters.get(key) ?? road.transport(host, account)
        submitters.set(key, transport)
        try {
          return await call(transport, { signal, noise: noise(account, host.name) })
        } catch (error) {
          if (signal?.aborted === true || asSeneschalError(error).code !== 'host.unreachable') throw error
          unheard ??= error
        }
      }
      throw unheard
    }

    const askQueue = ({ account, instance }: SlurmHandle, signal?: AbortSignal): Promise<QueueAnswer> =>
      atSubmit(account, signal, (transport, call) => callQueue(transport, { instance }, call))

    const cancel = async ({ account, instance }: SlurmHandle, signal?: AbortSignal): Promise<void> => {
      await atSubmit(account, signal, (transport, call) =>
        callCancel(transport, { instance }, { ...call, timeout: cancelTimeout }),
      )
    }

    const forget = ({ account, instance }: SlurmHandle): void => {
      found.get(instance)?.transport.close()
      found.delete(instance)
      tunnels.drop(account, instance)
    }

    const addressOf = (node: string): string | undefined => {
      const { addresses = {} } = options.nodes
      return Object.hasOwn(addresses, node) ? addresses[node] : undefined
    }

    const mustBeNode = (node: string): void => {
      if (isNode(node)) return
      throw new SeneschalError(
        'host.unreachable',
        `Slurm has its job on ${presentOutput(node)}, which is none of the nodes that are configured.`,
      )
    }

    const reach = (handle: SlurmHandle, node: string): Transport => {
      const last = found.get(handle.instance)
      if (last?.node === node) return last.transport
      mustBeNode(node)
      last?.transport.close()
      const { port, hostKeys, jump } = options.nodes
      const transport = road.transport(
        { name: node, address: addressOf(node), ...{ port, hostKeys, jump } },
        handle.account,
      )
      found.set(handle.instance, { node, transport })
      return transport
    }

    /** Undefined where that node knows another server, or none. */
    const stateOn = async (
      handle: SlurmHandle,
      node: string,
      signal?: AbortSignal,
    ): Promise<ServerState | undefined> => {
      const call = { signal, noise: noise(handle.account, node) }
      return stateOfInstance(await callStatus(reach(handle, node), {}, call), handle.instance)
    }

    const openOn = async (handle: SlurmHandle, node: string, signal: AbortSignal): Promise<Duplex> => {
      const call = { signal, noise: noise(handle.account, node) }
      return (await openServer(reach(handle, node), { instance: handle.instance }, call)).stream
    }

    /** To where it was last; if it is not there any more, to where Slurm says that it is. */
    const open = async (handle: SlurmHandle, signal: AbortSignal): Promise<Duplex> => {
      const last = found.get(handle.instance)?.node
      let why: unknown
      if (last !== undefined)
        try {
          return await openOn(handle, last, signal)
        } catch (error) {
          signal.throwIfAborted()
          why = error
        }
      const job = await askQueue(handle, signal)
      if (job.state === 'running' && job.node !== last) return await openOn(handle, job.node, signal)
      if (job.state === 'running') throw why
      throw new SeneschalError(
        'server.off',
        job.state === 'waiting' ? 'It waits in the queue of Slurm.' : undefined,
      )
    }

    /** Resolves when the server answers; with the job's last lines where the job has ended instead. */
    const comeUp = async (
      handle: SlurmHandle,
      tell: (text: string) => void,
      signal: AbortSignal,
    ): Promise<readonly string[] | undefined> => {
      let unanswered = 0
      let runsSince: number | undefined
      for (let wait = firstLook; ; wait = Math.min(wait * 1.3, lastLook)) {
        let job: QueueAnswer | undefined
        try {
          job = await askQueue(handle, signal)
          if (job.state === 'running' && isNode(job.node)) {
            runsSince ??= deps.now()
            tell(`Starting on ${job.node}, job ${job.job}.`)
            if ((await stateOn(handle, job.node, signal))?.state === 'running') return undefined
          }
          unanswered = 0
        } catch (error) {
          signal.throwIfAborted()
          unanswered += 1
          const isLate = runsSince !== undefined && deps.now() - runsSince > nodePatience
          if (unanswered === mostUnanswered || isLate) throw error
          tell(asSeneschalError(error).message)
        }
        if (job?.state === 'absent') return job.log
        if (job?.state === 'waiting') {
          runsSince = undefined
          tell(`Waiting in the queue (${presentOutput(job.why)}), job ${job.job}.`)
        }
        if (job?.state === 'running') {
          mustBeNode(job.node)
          wait = firstLook
        }
        await sleep(wait, undefined, { signal })
      }
    }

    const submit = (
      account: string,
      settings: SpawnSettings,
      signal: AbortSignal,
      said: Pick<CallOptions, 'progress' | 'reached'>,
    ) =>
      atSubmit(account, signal, (transport, call) =>
        callSubmit(
          transport,
          { ...settings, batch: options.batch ?? {} },
          { ...call, ...said, timeout: submitTimeout },
        ),
      )

    const start: Spawner['start'] = async (account, settings, progress, signal) => {
      // The name becomes part of a command line's user and of paths; nothing else may get as far as a handle.
      if (!accountName.safeParse(account).success) throw new SeneschalError('account.unknown')
      const own = { version: 1, account, instance: settings.instance } as const
      let told = ''
      const tell = (text: string) => {
        if (text !== told) void progress({ text })
        told = text
      }
      let wasReached = false
      const reached = () => {
        wasReached = true
      }
      await progress({ text: `Submitting to ${cluster}.`, handle: own, host: cluster })
      try {
        for (;;) {
          const { instance } = await submit(account, settings, signal, { progress: tell, reached })
          const handle = { ...own, instance }
          const lines = await comeUp(handle, tell, signal)
          if (lines === undefined) return handle
          forget(handle)
          // Another's job that was there has ended: now there is none, and the next is ours.
          if (instance === own.instance)
            throw new SeneschalError('spawn.failed', `Its job has ended. ${lines.join(' | ')}`.trim())
        }
      } catch (error) {
        forget(own)
        // Where nobody was reached there is nothing to cancel, and nobody to ask.
        if (!wasReached) throw error
        await cancel(own, AbortSignal.timeout(cancelTimeout)).catch((err: unknown) =>
          deps.warn('The job of a start that failed could not be cancelled.', { account, err }),
        )
        throw error
      }
    }

    const poll = async (handle: SlurmHandle, signal?: AbortSignal): Promise<ServerState> => {
      const last = found.get(handle.instance)
      if (last !== undefined) {
        const soon = AbortSignal.timeout(askNodeFirst)
        const bound = signal === undefined ? soon : AbortSignal.any([signal, soon])
        const state = await stateOn(handle, last.node, bound).catch(() => undefined)
        signal?.throwIfAborted()
        if (state !== undefined && state.state !== 'exited') return state
      }
      const job = await askQueue(handle, signal)
      if (job.state === 'running') {
        const state = await stateOn(handle, job.node, signal)
        // Slurm has the job at work: its server comes up, or the job is about to end.
        return state === undefined || state.state === 'exited' ? { state: 'silent', busy: true } : state
      }
      forget(handle)
      // Put back into the queue, for minutes at least: who wants it is served sooner by a new job.
      return job.state === 'waiting' ? { state: 'silent', busy: false } : { state: 'exited', log: job.log }
    }

    return {
      start,
      poll: (stored, signal) => poll(parseHandle(stored), signal),
      stop: async (stored, signal) => {
        const handle = parseHandle(stored)
        await cancel(handle, signal)
        forget(handle)
      },
      dial: (stored, signal) => {
        const handle = parseHandle(stored)
        const { account, instance } = handle
        return tunnels.to(account, instance, (bound) => open(handle, bound)).dial(signal)
      },
      onLost: tunnels.onLost,
      log: async (stored, signal) => {
        const handle = parseHandle(stored)
        const job = await askQueue(handle, signal)
        if (job.state !== 'running') return job.state === 'absent' ? job.log : []
        const call = { signal, noise: noise(handle.account, job.node) }
        const status = await callStatus(reach(handle, job.node), { log: true }, call)
        return status.state === 'off' || status.instance !== handle.instance ? [] : (status.log ?? [])
      },
      close: async () => {
        tunnels.close()
        for (const { transport } of found.values()) transport.close()
        for (const transport of submitters.values()) transport.close()
        found.clear()
        submitters.clear()
        road.close()
      },
    }
  },
}
