/** seneschald: takes up requests, runs workflows, writes state, feeds and audit. */
import { hostname } from 'node:os'
import { milliseconds } from '../config/schemas.ts'
import { type AuditLines, openAuditLines } from '../durable/audit-lines.ts'
import { type Outlets, startOutlets } from '../durable/audit-outlets.ts'
import { pendingEffects } from '../engine/summary.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { type Heartbeat, heartbeatInterval } from '../protocol/feed.ts'
import { openSink } from '../wire/sinks.ts'
import type { Transport } from '../wire/transport.ts'
import type { AccountIds, Lookup } from './accounts.ts'
import { createAlarm } from './alarm.ts'
import { openAuditKey } from './audit-key.ts'
import { afterRestore, restoreTakenUp } from './backup/restored.ts'
import type { AccountConfig, DaemonConfig } from './config.ts'
import { windowsOf } from './control/config.ts'
import { createControl } from './control/control.ts'
import { mayBegin } from './control/standstill.ts'
import type { CopyExecutor } from './copies/executor.ts'
import { startCopies } from './copies/start.ts'
import { type Core, createCore } from './core.ts'
import { createDefinitions } from './definitions.ts'
import type { Dispatch } from './dispatch.ts'
import type { DaemonEvent } from './events.ts'
import { type Status, sayHowItIs } from './heartbeat.ts'
import { createHosts, hostOf } from './hosts.ts'
import { createHubKeys } from './keys.ts'
import { siteLayout } from './layout.ts'
import { type Held, holdLease } from './lease/hold.ts'
import type { Component, Log } from './log.ts'
import { openSite } from './open-site.ts'
import { createPermissions } from './permissions.ts'
import type { ActivePlugins } from './plugins/active.ts'
import type { Conductor } from './plugins/conductor.ts'
import type { Installation } from './plugins/installation.ts'
import { createPluginRuns } from './plugins/start.ts'
import { createProblems } from './problems.ts'
import { createProcessor } from './process.ts'
import { createPublisher } from './published.ts'
import { type Recovered, recover } from './recover.ts'
import { waitingNames } from './requests.ts'
import { openReserves, type Reserves } from './reserves.ts'
import { everyWorkflow, type OwedEffect } from './state.ts'
import { startWatchers } from './watchers.ts'

export type { Log } from './log.ts'

export type DaemonDeps = {
  /** Epoch, ms. */
  readonly now: () => number
  /** ms, by a clock that nobody sets. */
  readonly monotonic: () => number
  readonly log: Log
  /** What the process runs as. */
  readonly uid: number
  readonly gid: number
  /** In [0, 1): spreads retries. */
  readonly random: () => number
  /** The way to an account's agent, in the role `daemon`. */
  readonly createTransport: (account: string, config: AccountConfig) => Transport
  /** The system's users and groups; getent without it. */
  readonly lookup?: Lookup
  /** How plugins' hosts are started; and the service account's home, which they do not see. */
  readonly installation: Installation
  readonly home: string | undefined
  /** What the configuration was read from: who may write there decides everything. */
  readonly configFile?: string
  /** Where copiers find the system's programs. */
  readonly path?: string | undefined
}

export type Daemon = {
  /** Resolves when state is recovered, workflows run and the inbox is watched. */
  readonly start: () => Promise<void>
  /** Everything is on disk, within two seconds. Jobs go on. */
  readonly stop: () => Promise<void>
  readonly status: () => Status
  /** After log rotation. */
  readonly reopen: () => void
  /** Resolves when somebody else works on the state now: it writes nothing any more, and has to be stopped. */
  readonly lost: Promise<SeneschalError>
}

/** Snapshots of permissions are confirmed this often, ms; nobody acts upon one that is older than a minute. */
const confirmInterval = 10_000
/** What is not on disk by then is found again by the next start. */
const stopWithin = 1800

export const createDaemon = (config: DaemonConfig, deps: DaemonDeps): Daemon => {
  const { now } = deps
  const logOf = (component: Component): Log => deps.log.of?.(component) ?? deps.log
  const log = logOf('daemon')
  const layout = siteLayout(config.root)
  const self: AccountIds = { uid: deps.uid, gid: deps.gid }
  const jobsPoll = milliseconds(config.poll.jobs)
  /** Ends what waits for work, and, later, what waits for the disk. */
  const intake = new AbortController()
  const disk = new AbortController()
  const running: Promise<unknown>[] = []
  const timers: NodeJS.Timeout[] = []
  const dispatches = new Map<string, Dispatch>()
  const lost = Promise.withResolvers<SeneschalError>()
  let lease: Held | undefined
  let auditLines: AuditLines | undefined
  let outlets: Outlets | undefined
  let reserves: Reserves | undefined
  let state: Heartbeat['state'] = 'stopped'
  let recovered: Recovered | undefined
  let core: Core | undefined
  let conductor: Conductor | undefined
  let copies: CopyExecutor | undefined
  let plugins: ActivePlugins | undefined
  let lookAtFiles = (): Promise<void> => Promise.resolve()

  const problems = createProblems(log, () => void beat())
  const problem = (where: string) => (error: unknown) => problems.report(where, error)
  const alarm = createAlarm(now, ({ account, workflow }) => {
    const at = now()
    void commit([{ kind: 'engine', at, account, workflow, event: { kind: 'tick', at } }])
  })

  const status = (): Status => {
    const text = problems.text()
    const drained = recovered?.state.standstill.drained === true
    const healthy = drained ? 'draining' : text !== null ? 'degraded' : 'running'
    return { state: state === 'running' ? healthy : state, problem: text }
  }
  const beat = async (): Promise<void> => {
    if (recovered === undefined) return
    await sayHowItIs({
      ...{ config, layout, lease, problems, log, state: recovered.state, audit: recovered.chain.head() },
      ...{ status: status(), waiting: core?.waiting() ?? 0, now: now() },
    })
  }

  /** The core's own promise: whoever does not wait for it leaves no rejection behind when the daemon ends. */
  const commit = (events: readonly DaemonEvent[]): Promise<void> => core?.commit(events) ?? Promise.resolve()
  const owe = (effects: readonly OwedEffect[]): void => {
    for (const { account, workflow, effect } of effects) dispatches.get(account)?.owe(workflow, effect)
  }

  const start = async (): Promise<void> => {
    const site = await openSite({
      ...{ config, self, log, configFile: deps.configFile, lookup: deps.lookup },
    })
    lease = await holdLease({
      state: layout.state,
      now,
      monotonic: deps.monotonic,
      onLost: (error) => {
        disk.abort(error)
        lost.resolve(error)
      },
      onProblem: problem('lease'),
    })
    const held = lease
    const { epoch } = held
    const found = await recover({
      fence: lease,
      onRecord: (record) => {
        auditLines?.write(record)
        outlets?.noted(record)
      },
      onTail: (recent) => {
        if (config.auditLines !== undefined)
          auditLines = openAuditLines({ path: config.auditLines, writer: `daemon/${config.name}`, recent })
      },
      layout,
      accounts: site.ids,
      writer: `daemon/${config.name}`,
      around: { hostOf: (account) => hostOf(config, account) },
      now,
      onFeedProblem: (feed, error) => problems.report(`feed ${feed}`, error),
    })
    recovered = found
    if (config.auditSinks.length > 0)
      outlets = startOutlets({
        ...{ sinks: config.auditSinks, openSink, sign: await openAuditKey(layout), dir: layout.audit },
        ...{ writer: `daemon/${config.name}`, site: config.site, host: hostname(), now },
        checkpointEveryMs: milliseconds(config.checkpointEvery),
        head: found.chain.head,
        onProblem: (sink, error) => problems.report(`audit sink ${sink}`, error),
      })
    log.info({ events: found.replayed, cut: found.journal.cut }, 'state recovered')
    reserves = await openReserves({
      state: layout.state,
      audit: layout.audit,
      onFull: (full) =>
        problems.report(
          'disk',
          full
            ? new SeneschalError('disk.unwritable', 'Only stop, hold, kill, pause and drain are taken.')
            : null,
        ),
      onProblem: problem('reserve'),
    })
    const room = reserves
    core = createCore({
      ...found,
      reserves: room,
      around: { hostOf: (account) => hostOf(config, account) },
      now,
      onEffects: owe,
      onRuns: (keys) => conductor?.look(keys),
      onTouched: alarm.set,
      onProblem: (what, error) => problems.report(what, error),
      onFault: ({ kind, ...event }, err) => {
        const { account, workflow } = { account: null, workflow: null, ...event }
        log.error(
          { err, kind, account, workflow },
          'an event could not be applied; its workflow stands still',
        )
      },
      signal: disk.signal,
    })
    const taken = await afterRestore(layout.state, found.state, now())
    if (taken.length > 0) {
      await commit(taken)
      await restoreTakenUp(layout.state)
      log.warn({}, 'restored from a backup: all workflows are paused')
    }
    await commit([{ kind: 'daemon', at: now(), what: 'started' }])

    const accounts = Object.keys(config.accounts)
    const hosts = createHosts({
      config,
      layout,
      accounts: [...site.ids.keys()],
      state: found.state,
      createTransport: deps.createTransport,
      epoch,
      commit,
      now,
      random: deps.random,
      log: logOf('hosts'),
      /** Why an account is not served at all. */
      problemOf: (account) => site.problems[account] ?? null,
      report: problems.report,
    })
    for (const [account, dispatch] of hosts.dispatches) dispatches.set(account, dispatch)
    const control = createControl({
      directory: layout.state,
      standstill: found.state.standstill,
      configured: windowsOf(config.maintenance),
      keepDrained: config.keepDrained,
      commit,
      now,
      onChange: () => {
        for (const dispatch of dispatches.values()) dispatch.again()
        conductor?.look([...found.state.runs.byRequest.keys()])
        void beat()
      },
      locks: found.state.locks,
      onLocks: () => void lookAtFiles(),
      onProblem: problem('control files'),
      signal: intake.signal,
    })
    await control.begin()
    // What was owed when we went; whoever gets it twice does it once.
    for (const { account, workflow, engine } of everyWorkflow(found.state))
      if (engine !== undefined) owe(pendingEffects(engine).map((effect) => ({ account, workflow, effect })))

    const shared = { layout, accounts, ids: site.ids, state: found.state, commit, now }
    const definitions = createDefinitions({
      ...shared,
      directory: config.definitions,
      problemOf: hosts.problemOf,
      autoplay: config.autoplay,
    })
    await definitions.scan(true)
    const permissions = await createPermissions({
      ...shared,
      siteFile: config.siteFile,
      accountLayer: definitions.accountLayer,
      onRefused: (reason) =>
        problems.report('site file', reason === null ? null : new SeneschalError('config.refused', reason)),
    })
    const keys = createHubKeys({
      file: config.hubKeys,
      issuer: config.issuer,
      now,
      onProblem: problem('hub keys'),
    })
    await definitions.publish()
    await permissions.confirm()

    const publisher = createPublisher(layout, problem('published requests'))
    publisher.clear(waitingNames(found.state.requests))
    copies = startCopies({
      config,
      installation: deps.installation,
      path: deps.path,
      state: found.state,
      publisher,
      userOf: hosts.copierOf,
      commit,
      report: problems.report,
      now,
      random: deps.random,
    })
    const runs = await createPluginRuns({
      config,
      installation: deps.installation,
      state: found.state,
      publisher,
      copies,
      dispatchOf: (account) => dispatches.get(account),
      mayBegin: (account) => mayBegin(found.state.standstill, { account, host: hostOf(config, account) }),
      uid: deps.uid,
      home: deps.home,
      commit,
      report: problems.report,
      log: logOf('plugins'),
      now,
    })
    conductor = runs.conductor
    plugins = runs.plugins
    const processor = createProcessor({
      core,
      log: logOf('requests'),
      publisher,
      permissions: permissions.current,
      desk: {
        state: found.state,
        now,
        permissions: permissions.current,
        readDefinition: definitions.read,
        pollJobs: (account) => dispatches.get(account)?.poll(),
        beginRun: runs.conductor.begin,
        definitionChanged: () => void lookAtFiles(),
      },
    })
    state = 'running'
    for (const flow of everyWorkflow(found.state)) alarm.set(flow)
    for (const dispatch of dispatches.values()) dispatch.poll()
    await processor.resume()
    runs.conductor.resume()

    const watchers = startWatchers({
      ...{ config, layout, site, keys, definitions, permissions, processor, publisher, commit, now, problem },
      isFull: room.isFull,
      lookup: deps.lookup,
      gid: self.gid,
      state: found.state,
      log: logOf('retention'),
      signal: intake.signal,
    })
    lookAtFiles = watchers.look
    running.push(watchers.ended, control.follow())
    every(jobsPoll, () => {
      for (const dispatch of dispatches.values()) dispatch.poll()
    })
    every(heartbeatInterval, () => void beat())
    every(confirmInterval, () => {
      held
        .check()
        .then(permissions.confirm)
        .then(() => problems.report('permissions', null), problem('permissions'))
    })
    await beat()
    log.info({ site: config.site, accounts: site.ids.size }, 'running')
  }

  const every = (length: number, work: () => void): void => {
    timers.push(setInterval(work, length))
  }

  const close = async (): Promise<void> => {
    await Promise.all(running)
    await commit([{ kind: 'daemon', at: now(), what: 'stopped' }])
    await core?.close()
    state = 'stopped'
    await beat()
    await recovered?.feeds.close()
    await recovered?.journal.close()
    await recovered?.chain.close()
  }

  const stop = async (): Promise<void> => {
    for (const timer of timers) clearInterval(timer)
    alarm.close()
    intake.abort()
    for (const dispatch of dispatches.values()) dispatch.close()
    conductor?.close()
    copies?.close()
    plugins?.close()
    const late = setTimeout(() => disk.abort(new Error('the daemon ends')), stopWithin)
    try {
      await close()
    } catch (error) {
      if (!disk.signal.aborted) throw error
      log.error({ err: error }, 'ended before everything was on disk; the next start finds it')
    } finally {
      clearTimeout(late)
      await outlets?.close()
      await reserves?.close()
      await lease?.release()
      auditLines?.close()
    }
  }
  let stopping: Promise<void> | undefined

  return {
    start,
    status,
    reopen: () => auditLines?.reopen(),
    lost: lost.promise,
    stop: () => {
      stopping ??= stop()
      return stopping
    },
  }
}
