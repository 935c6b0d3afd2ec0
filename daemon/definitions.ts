/** The definitions directory: what is in it, and what becomes of it. */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { closedLayer, writeLayer } from '../config/layer.ts'
import { parseAccountFile } from '../config/site.ts'
import { ensureDir, errnoOf, isAbsent, writeFileAtomic } from '../durable/files.ts'
import { readSettled } from '../durable/read-settled.ts'
import { judge } from '../engine/judge.ts'
import { SeneschalError } from '../protocol/errors.ts'
import { workflowName } from '../protocol/ids.ts'
import type { Layer } from '../protocol/permissions.ts'
import type { AccountIds } from './accounts.ts'
import { definitionFile } from './definition.ts'
import type { DaemonEvent } from './events.ts'
import { isFirst, newIncarnation } from './incarnation.ts'
import { createLayerVersions, fileChanged, inForce, readVersion } from './layer-versions.ts'
import { asksForOthers, tellWaiting, waitingLayer } from './layers.ts'
import { accountFeedMode, type SiteLayout } from './layout.ts'
import { oneOffWorkflow } from './plugins/one-off-job.ts'
import { type DaemonState, findWorkflow, tryDefinition } from './state.ts'
import type { Workflow } from './workflow.ts'

export type Definitions = {
  /** Takes up what is new; at the start also what changed while we were away. */
  readonly scan: (atStart: boolean) => Promise<void>
  readonly read: (account: string, workflow: string) => Promise<string>
  /** An account's own permissions in force; undefined: none. */
  readonly accountLayer: (account: string) => Layer | undefined
  /** Puts the texts in force where UI servers find them. */
  readonly publish: () => Promise<void>
}

export type DefinitionParts = {
  readonly directory: string
  readonly layout: SiteLayout
  readonly accounts: readonly string[]
  readonly ids: ReadonlyMap<string, AccountIds>
  /** Why an account is not served: no such user, no group. */
  readonly problemOf: (account: string) => string | null
  readonly autoplay: boolean
  readonly state: DaemonState
  readonly commit: (events: readonly DaemonEvent[]) => Promise<void>
  readonly now: () => number
}

/** Of a definition or an account's file, bytes. */
const largestDefinition = 4 * 1024 * 1024
const replacedWithinMs = 200

const layerOfFile = (account: string, layer: Layer | undefined, at: number): DaemonEvent => ({
  kind: 'layer',
  at,
  account,
  workflow: null,
  origin: 'file',
  person: null,
  request: null,
  from: null,
  text: layer === undefined ? null : writeLayer(layer.rules),
})

const directoriesIn = async (path: string): Promise<readonly string[]> => {
  const entries = await readdir(path, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}

const isQuiet = ({ engine, awaited }: Workflow): boolean =>
  awaited.size === 0 && (engine === undefined || engine.stage === 'stopped')

export const createDefinitions = (parts: DefinitionParts): Definitions => {
  const { directory, layout, state, now } = parts
  const layers = new Map<string, Layer>()
  const published = new Map<string, string>()

  const read = async (account: string, workflow: string): Promise<string> => {
    const file = definitionFile(account, workflow)
    try {
      return await readSettled(join(directory, file), { now, maxBytes: largestDefinition })
    } catch (cause) {
      // Told without the path of the directory, which is nobody's business.
      if (cause instanceof SeneschalError && cause.code === 'input.too-large')
        throw new SeneschalError('workflow.invalid', `${file}:1:1: is larger than 4 MiB.`, { cause })
      if (cause instanceof SeneschalError) throw cause
      throw new SeneschalError('workflow.invalid', `${file}: cannot be read: ${errnoOf(cause)}`, { cause })
    }
  }

  const problem = (account: string, workflow: string, text: string | null): readonly DaemonEvent[] => {
    const known = findWorkflow(state, account, workflow)?.problem ?? null
    return known === text ? [] : [{ kind: 'definition-problem', at: now(), account, workflow, problem: text }]
  }

  const takeUp = (account: string, workflow: string, text: string): readonly DaemonEvent[] => {
    const flow = findWorkflow(state, account, workflow)
    const found = tryDefinition(text, account, workflow)
    if (typeof found === 'string') return problem(account, workflow, found)
    const at = now()
    if (flow?.engine !== undefined) {
      const judgement = judge(flow.engine, { kind: 'reload', at, workflow: found.compiled })
      if (!judgement.ok) return problem(account, workflow, judgement.detail)
    }
    const isNew = flow === undefined || isFirst(flow)
    // Whoever may make the directory may write account.yaml beside it; whoever edits what is in it may not be an owner.
    const keepsLayer = !isNew && asksForOthers(flow, found.layer)
    const waits = keepsLayer ? problem(account, workflow, tellWaiting(account, workflow, found.layer)) : []
    return [
      {
        kind: 'definition',
        at,
        account,
        workflow,
        text,
        ...(keepsLayer ? { keepsLayer } : {}),
        ...(isNew ? { incarnation: newIncarnation() } : {}),
      },
      ...waits,
      ...(isNew && parts.autoplay
        ? [{ kind: 'engine', at, account, workflow, event: { kind: 'play', at } } as const]
        : []),
    ]
  }

  const look = async (
    account: string,
    workflow: string,
    atStart: boolean,
  ): Promise<readonly DaemonEvent[]> => {
    if (workflow === oneOffWorkflow)
      return problem(
        account,
        workflow,
        'The name is kept for runs of plugins: call the workflow something else.',
      )
    const flow = findWorkflow(state, account, workflow)
    // Changed while we run: it waits for somebody to reload it.
    if (flow?.definition !== undefined && !atStart) return []
    try {
      const text = await read(account, workflow)
      if (flow?.definition?.text === text) return problem(account, workflow, waitingLayer(flow) ?? null)
      return takeUp(account, workflow, text)
    } catch (thrown) {
      if (!(thrown instanceof SeneschalError)) throw thrown
      return problem(account, workflow, thrown.detail ?? thrown.message)
    }
  }

  /** Undefined where there is none, and still none a moment later: some editors take it away to replace it. */
  const accountText = async (account: string, file: string): Promise<string | undefined> => {
    for (const waited of [!layers.has(account), true])
      try {
        return await readSettled(file, { now, maxBytes: largestDefinition })
      } catch (thrown) {
        if (!isAbsent(thrown)) throw thrown
        if (!waited) await pause(replacedWithinMs)
      }
    return undefined
  }

  /**
   * A file that is not right, or whose directory is away (`unlisted` says why), leaves the layer in force as it is;
   * where none is known yet, nobody may do anything.
   */
  const readAccount = async (
    account: string,
    unlisted: string | undefined,
  ): Promise<readonly DaemonEvent[]> => {
    const file = `${account}/account.yaml`
    let title: string | null = state.accounts.get(account)?.title ?? null
    let problemText = parts.problemOf(account)
    const events: DaemonEvent[] = []
    try {
      if (unlisted !== undefined) throw new SeneschalError('config.invalid', unlisted)
      const text = await accountText(account, join(directory, file))
      const content = text === undefined ? undefined : parseAccountFile(text, file)
      title = content?.title ?? null
      if (content?.layer === undefined) layers.delete(account)
      else layers.set(account, content.layer)
      if (fileChanged(state.layers.get(account) ?? createLayerVersions(), content?.layer))
        events.push(layerOfFile(account, content?.layer, now()))
    } catch (thrown) {
      const why = thrown instanceof SeneschalError ? (thrown.detail ?? thrown.message) : errnoOf(thrown)
      if (why === undefined) throw thrown
      problemText ??= why
      if (!layers.has(account)) layers.set(account, closedLayer(file))
    }
    const row = state.accounts.get(account)
    if (row?.title !== title || row.problem !== problemText)
      events.push({ kind: 'account', at: now(), account, title, problem: problemText })
    return events
  }

  /** What somebody asked for stays in force until the file says something else. */
  const layerInForce = (account: string): Layer | undefined => {
    const versions = state.layers.get(account)
    const newest = versions === undefined ? undefined : inForce(versions)
    return newest?.origin === 'request'
      ? readVersion({ account, workflow: null }, newest)
      : layers.get(account)
  }

  /** Takes away what was published of workflows that are no longer there. */
  const withdraw = async (account: string, dir: string): Promise<void> => {
    for (const file of await readdir(dir)) {
      const workflow = /^([^.].*)\.yaml$/.exec(file)?.[1]
      if (workflow === undefined || findWorkflow(state, account, workflow) !== undefined) continue
      await rm(join(dir, file), { force: true })
      published.delete(`${account}/${workflow}`)
    }
  }

  return {
    read,
    accountLayer: layerInForce,

    scan: async (atStart) => {
      for (const account of parts.accounts) {
        const listed = await directoriesIn(join(directory, account)).catch(
          (thrown: unknown) =>
            `${account}: the definitions cannot be listed: ${errnoOf(thrown) ?? String(thrown)}`,
        )
        const away = typeof listed === 'string'
        const events: DaemonEvent[] = [...(await readAccount(account, away ? listed : undefined))]
        const names = away ? [] : listed.filter((name) => workflowName.safeParse(name).success)
        if (parts.ids.has(account))
          for (const workflow of names) events.push(...(await look(account, workflow, atStart)))
        // A directory that is away says nothing about what was in it.
        if (!away)
          for (const flow of state.workflows.get(account)?.values() ?? [])
            if (!names.includes(flow.workflow) && isQuiet(flow))
              events.push({ kind: 'workflow-removed', at: now(), account, workflow: flow.workflow })
        await parts.commit(events)
      }
    },

    publish: async () => {
      for (const [account, { gid }] of parts.ids) {
        const dir = join(layout.accountFeed(account), 'source')
        await ensureDir(dir, { mode: accountFeedMode, gid })
        await withdraw(account, dir)
        for (const { workflow, definition } of state.workflows.get(account)?.values() ?? []) {
          const key = `${account}/${workflow}`
          if (definition === undefined || published.get(key) === definition.text) continue
          const settings = { mode: 0o640, gid, fsync: false }
          await writeFileAtomic(join(dir, `${workflow}.yaml`), definition.text, settings)
          published.set(key, definition.text)
        }
      }
    },
  }
}
