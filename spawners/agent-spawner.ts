/** What `local` and `ssh` share: the agent on the far side does the work, a tunnel through it carries the streams. */
import { z } from 'zod/mini'
import { instanceId } from '../protocol/agent.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { accountName } from '../protocol/ids.ts'
import { callStart, callStats, callStatus, callStop, openServer } from '../wire/agent-calls.ts'
import type { Transport } from '../wire/transport.ts'
import type { TunnelClient } from '../wire/tunnel.ts'
import { type CandidateHost, createHostChooser, type Measure } from './choose-host.ts'
import type { Handle, Spawner, SpawnerDeps } from './contract.ts'
import { createPlacement, type PlacementOptions } from './placement.ts'
import { stateOfInstance } from './server-state.ts'
import { createTunnels } from './tunnels.ts'

export type AgentSpawnerOptions = {
  readonly hosts: readonly CandidateHost[]
  readonly placement?: PlacementOptions | undefined
  /** A new transport to the account on that host; asked once and kept. */
  readonly transport: (host: string, account: string) => Transport
  /**
   * Whether a host answers at all, false where nothing came until the signal; and what stands on the way there, which
   * may be silent in its place. Without it servers wait for their host.
   */
  readonly knock?: (host: string, signal: AbortSignal) => Promise<boolean>
  readonly via?: (host: string) => string | undefined
  /** Where the agent keeps sockets and records; undefined leaves it to the agent. */
  readonly runDirRoot?: (account: string) => string
}

/** `version` is of this shape: a later hub reads what an earlier one stored. */
const agentHandle = z.object({
  version: z.literal(1),
  account: accountName,
  host: z.string(),
  instance: instanceId,
})
type AgentHandle = Readonly<z.infer<typeof agentHandle>>

/** The agent gives a server 30 s to come up; connecting and waiting for another start come on top. */
const startTimeout = 60_000

/** Hosts that are asked whether they are heard, before one is said to be silent. */
const witnesses = 3

const parseHandle = (handle: Handle): AgentHandle => {
  const parsed = agentHandle.safeParse(handle)
  if (!parsed.success)
    throw new SeneschalError('internal', 'A stored handle is not one of this spawner.', {
      cause: parsed.error,
    })
  return parsed.data
}

export const createAgentSpawner = (
  options: AgentSpawnerOptions,
  deps: Pick<SpawnerDeps, 'now' | 'warn' | 'random'>,
): Spawner => {
  const transports = new Map<string, Transport>()
  const tunnels = createTunnels()
  const chooser = createHostChooser({
    ...{ hosts: options.hosts, now: deps.now, random: deps.random },
    placement: createPlacement(options.placement ?? {}, (kind, host, err) =>
      deps.warn('A rule for where servers go has no answer.', { rule: kind, host, err }),
    ),
  })

  const reach = (host: string, account: string): Transport => {
    // The name becomes part of a command line's user and of paths; nothing else may get as far as here.
    if (!accountName.safeParse(account).success) throw new SeneschalError('account.unknown')
    if (!options.hosts.some(({ name }) => name === host))
      throw new SeneschalError('host.unreachable', `${host} is not configured any more.`)
    const key = `${account}@${host}`
    const transport = transports.get(key) ?? options.transport(host, account)
    transports.set(key, transport)
    return transport
  }

  const place = (account: string) => {
    const runDirRoot = options.runDirRoot?.(account)
    return runDirRoot === undefined ? {} : { runDirRoot }
  }

  const noise = (account: string, host: string) => (text: string) =>
    deps.warn('A login script printed before the agent spoke.', { account, host, text })

  const tunnelTo = ({ account, host, instance }: AgentHandle): TunnelClient =>
    tunnels.to(`${account}@${host}`, instance, async (signal) => {
      const input = { ...place(account), instance }
      return (await openServer(reach(host, account), input, { signal, noise: noise(account, host) })).stream
    })

  const measureAs =
    (account: string): Measure =>
    (host, bound, reached) =>
      callStats(reach(host, account), {}, { signal: bound, reached })

  const { knock, via } = options
  /** What a knock says of a host that is behind a bastion holds only beside one that is heard through the same. */
  const isDark = async (
    { account, host }: AgentHandle,
    signal: AbortSignal,
    ask: NonNullable<typeof knock>,
  ): Promise<boolean> => {
    const others = chooser
      .candidates(account)
      .filter((name) => name !== host && via?.(name) === via?.(host))
      .slice(0, witnesses)
    if (others.length === 0) return false
    const [own, ...found] = await Promise.all([host, ...others].map((name) => ask(name, signal)))
    if (own !== false || !found.includes(true)) return false
    chooser.markDown(host)
    tunnels.drop(`${account}@${host}`)
    return true
  }

  return {
    start: async (account, settings, progress, signal) => {
      const host = await chooser.choose(account, measureAs(account), signal)
      const transport = reach(host, account)
      const handle = { version: 1, account, host, instance: settings.instance } as const
      await progress({ text: `Starting on ${host}.`, handle, host })
      const tell = (text: string) => void progress({ text })
      const server = await callStart(
        transport,
        { ...settings, host, ...place(account) },
        { signal, progress: tell, noise: noise(account, host), timeout: startTimeout },
      )
      return { ...handle, instance: server.instance }
    },
    poll: async (stored, signal) => {
      const handle = parseHandle(stored)
      const status = await callStatus(reach(handle.host, handle.account), place(handle.account), { signal })
      return stateOfInstance(status, handle.instance) ?? { state: 'exited', log: [] }
    },
    stop: async (stored, signal) => {
      const { account, host, instance } = parseHandle(stored)
      await callStop(reach(host, account), { ...place(account), instance }, { signal })
      tunnels.drop(`${account}@${host}`, instance)
    },
    dial: (stored, signal) => tunnelTo(parseHandle(stored)).dial(signal),
    onLost: tunnels.onLost,
    ...(knock === undefined
      ? {}
      : { isDark: (stored, signal) => isDark(parseHandle(stored), signal, knock) }),
    condemn: chooser.condemn,
    hosts: chooser.hosts,
    sample: (accountsOn, signal) => chooser.sample(accountsOn, measureAs, signal),
    log: async (stored, signal) => {
      const { account, host, instance } = parseHandle(stored)
      const input = { ...place(account), log: true }
      const status = await callStatus(reach(host, account), input, { signal })
      if (status.state === 'off' || status.instance !== instance) return []
      return status.log ?? []
    },
    close: async () => {
      tunnels.close()
      for (const transport of transports.values()) transport.close()
      transports.clear()
    },
  }
}
