/**
 * `/api/accounts/:account/permissions`: the layer of an account or a workflow as it is, as it was, and what another
 * one would change. Changing it is an action like all others. Everybody who may not look gets the answer of an
 * account that is not there.
 */
import { setImmediate as breathe } from 'node:timers/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod/mini'
import { parseLayer } from '../../config/layer.ts'
import { compareLayers, type Probe, placesOf, probesOf, withLayer } from '../../policy/compare.ts'
import { isOwner, rolesOf } from '../../policy/roles.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { accountName, workflowName } from '../../protocol/ids.ts'
import {
  type LayerBody,
  type LayerChange,
  type LayerPreview,
  type LayerRow,
  layerPreviewAsk,
} from '../../protocol/layers.ts'
import type { PermissionSnapshot } from '../../protocol/permissions.ts'
import { CHANGE, type Gate, PAGE, type PolicyView, type SiteView, type Viewer } from '../context.ts'
import type { KnownPersons } from '../known-persons.ts'
import { parseBody } from '../parse.ts'
import { whoIs } from '../visible.ts'

export type PermissionsParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly site: SiteView
  readonly policy: PolicyView
  readonly persons: KnownPersons
}

/** Of those who signed in, and of what is told. */
const mostPersons = 100
const mostProbes = 300
const mostChanges = 500
/** Of somebody at some place; about a second's work. */
const mostCompared = 20_000
/** How long the comparison holds everybody else up at a stretch, ms. */
const stretch = 10

const place = z.object({ account: accountName, workflow: z.optional(workflowName) })
type Place = { readonly account: string; readonly workflow: string | null }

const bodyOf = ({ account: _, workflow: __, ...version }: LayerRow): LayerBody['versions'][number] => version

/** What the file said when it was last taken up, where something else is in force since. */
const fileBehind = (versions: readonly LayerRow[]): number | null => {
  const file = versions.find(({ origin }) => origin === 'file')
  return file === undefined || versions[0]?.text === file.text ? null : file.version
}

export const permissionsRoutes =
  ({ gate, site, policy, persons }: PermissionsParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const path = '/api/accounts/:account/permissions'

    const exists = ({ account, workflow }: Place): boolean =>
      site.account(account) !== undefined &&
      (workflow === null || site.summary(account, workflow) !== undefined)

    /** The snapshot that decides, for those who may look; the same refusal for all others. */
    const open = (viewer: Viewer, params: unknown, workflow: unknown): [Place, PermissionSnapshot] => {
      const asked = place.safeParse({ ...(params as object), workflow })
      const at = asked.success ? { account: asked.data.account, workflow: asked.data.workflow ?? null } : null
      const snapshot = at === null ? undefined : policy.snapshot(at.account)
      const who = whoIs(viewer)
      const may =
        at !== null &&
        snapshot !== undefined &&
        viewer.kind === 'person' &&
        (isOwner(snapshot, who, at.account) ||
          rolesOf(snapshot, who).some((role) => role === 'admin' || role === 'auditor'))
      if (!may || !exists(at)) throw new SeneschalError('account.unknown')
      return [at, snapshot]
    }
    const mayChange = (viewer: Viewer, { account, workflow }: Place): boolean =>
      policy.decide({ who: whoIs(viewer), action: 'permissions', account, workflow: workflow ?? undefined })
        .allowed

    const textOf = (at: Place, ask: z.infer<typeof layerPreviewAsk>): string => {
      if ((ask.text === undefined) === (ask.restore === undefined))
        throw new SeneschalError('input.invalid', 'Either text or restore.')
      if (ask.text !== undefined) return ask.text
      const found = site.layers(at.account, at.workflow).find(({ version }) => version === ask.restore)
      if (found === undefined) throw new SeneschalError('permissions.unknown')
      return found.text ?? ''
    }

    const parse = (text: string) => {
      try {
        return parseLayer(text, 'permissions')
      } catch (thrown) {
        if (thrown instanceof SeneschalError && thrown.code === 'config.invalid')
          throw new SeneschalError('permissions.invalid', thrown.detail, { cause: thrown })
        throw thrown
      }
    }

    /** Those whom rules name, and those who are known; of the rest it is said how many they are. */
    const probesFor = async (
      snapshots: readonly [PermissionSnapshot, PermissionSnapshot],
      at: Place,
    ): Promise<{ readonly probes: readonly Probe[]; readonly left: number }> => {
      const known = (await persons.latest(mostPersons)).filter(
        ({ person, groups }) => !isOwner(snapshots[0], { kind: 'person', name: person, groups }, at.account),
      )
      const groupsOf = new Map(known.map((one) => [one.person, one.groups]))
      const named = probesOf(snapshots, at, (person) => groupsOf.get(person) ?? [])
      const told = new Set(named.map(({ who }) => who))
      const others = known
        .map(
          (one): Probe => ({
            who: `user:${one.person}`,
            as: { kind: 'person', name: one.person, groups: one.groups },
          }),
        )
        .filter(({ who }) => !told.has(who))
      const probes = [...named, ...others]
      return { probes: probes.slice(0, mostProbes), left: Math.max(0, probes.length - mostProbes) }
    }

    const compare = async (
      snapshots: readonly [PermissionSnapshot, PermissionSnapshot],
      at: Place,
    ): Promise<{ readonly changes: readonly LayerChange[]; readonly more: number }> => {
      const { probes, left } = await probesFor(snapshots, at)
      const changes: LayerChange[] = []
      const all = probes.length * placesOf(snapshots[0], at).length
      let more = left + Math.max(0, all - mostCompared)
      let began = performance.now()
      for (const change of compareLayers(snapshots, at, probes).take(mostCompared)) {
        if (change !== undefined && changes.length < mostChanges) changes.push(change)
        else if (change !== undefined) more += 1
        if (performance.now() - began < stretch) continue
        await breathe()
        began = performance.now()
      }
      return { changes, more }
    }

    app.get(path, { config: { kind: PAGE } }, async (request: FastifyRequest, reply): Promise<LayerBody> => {
      const viewer = gate.viewer(request)
      const [at] = open(viewer, request.params, (request.query as { workflow?: unknown }).workflow)
      const versions = site.layers(at.account, at.workflow)
      reply.header('cache-control', 'no-store')
      return {
        ...at,
        version: versions[0]?.version ?? 0,
        text: versions[0]?.text ?? null,
        file: fileBehind(versions),
        versions: versions.map(bodyOf),
        mayChange: mayChange(viewer, at),
      }
    })

    app.post(
      `${path}/preview`,
      {
        config: {
          kind: CHANGE,
          rateLimit: {
            max: 60,
            timeWindow: 60_000,
            keyGenerator: (request: FastifyRequest) => gate.viewer(request).person,
          },
        },
      },
      async (request, reply): Promise<LayerPreview> => {
        const viewer = gate.viewer(request)
        const asked = layerPreviewAsk.safeParse(request.body)
        const [at, before] = open(viewer, request.params, asked.data?.workflow)
        if (!mayChange(viewer, at))
          throw new SeneschalError('permission.denied', 'Auditors look; owners change.')
        const text = textOf(at, asked.data ?? parseBody(layerPreviewAsk, request.body))
        const base = site.layers(at.account, at.workflow)[0]?.version ?? 0
        const after = withLayer(before, at, parse(text))
        if (after === null) throw new SeneschalError('account.unknown')
        reply.header('cache-control', 'no-store')
        return { base, text, ...(await compare([before, after], at)) }
      },
    )
  }
