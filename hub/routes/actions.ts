/**
 * `POST /api/accounts/:account/actions/:action`: the one door. The gate let it pass; here the intent is recorded,
 * then one grant is signed and handed to the account's UI server. How it ends is the daemon's to say.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod/mini'
import type { Action } from '../../protocol/actions/define.ts'
import { actionOf, isActionName, levelOf } from '../../protocol/actions/registry.ts'
import { type ActionBody, actionBody } from '../../protocol/api.ts'
import type { AuditEntry } from '../../protocol/audit.ts'
import { asSeneschalError, SeneschalError } from '../../protocol/errors.ts'
import { type Ask, ask, askMaxBytes } from '../../protocol/requests.ts'
import {
  ACTION,
  type Audit,
  type Gate,
  type PolicyView,
  type Servers,
  type Signer,
  type Viewer,
  type Wants,
} from '../context.ts'
import { parseBody } from '../parse.ts'
import { handOverGrant } from '../proxy/hand-over.ts'
import type { Upstream } from '../proxy/upstream.ts'

export type ActionsParts = {
  readonly gate: Pick<Gate, 'viewer' | 'again'>
  readonly policy: PolicyView
  readonly servers: Servers
  readonly signer: Signer
  readonly audit: Pick<Audit, 'record' | 'head'>
  readonly upstream: Upstream
  /** A UUIDv7. */
  readonly newId: () => string
  /** Per person. */
  readonly perMinute: number
}

const noCounts = { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false }

type Params = { readonly account: string; readonly action: string }

const definitionOf = (name: string): Action => {
  if (!isActionName(name)) throw new SeneschalError('action.unknown')
  return actionOf(name)
}

const bodyOf = (request: FastifyRequest): ActionBody => parseBody(actionBody, request.body ?? {})

const wants = (request: FastifyRequest): Wants => {
  const { account, action } = request.params as Params
  const { workflow, cycle, task } = bodyOf(request)
  return { action: definitionOf(action).name, account, workflow, cycle, task }
}

/** Whether it is about the right kind of thing, with the right arguments. */
const parseAsk = (definition: Action, account: string, body: ActionBody): Ask => {
  const invalid = (detail: string) => new SeneschalError('args.invalid', detail)
  const { workflow, cycle, task, plugin } = body
  const level = levelOf(body)
  if (!definition.on.includes(level))
    throw invalid(
      `${definition.label} is for a ${definition.on.join(' or a ')}, not for ${level === 'account' ? 'an' : 'a'} ${level}.`,
    )
  if (task !== undefined && workflow === undefined) throw invalid('A task needs its workflow.')
  if (cycle !== undefined && task === undefined) throw invalid('A cycle needs its task.')
  if ((plugin !== undefined) !== (definition.name === 'submit')) throw invalid('Only submit takes a plugin.')
  const args = definition.args.safeParse(body.args ?? {})
  if (!args.success) throw invalid(z.prettifyError(args.error))
  const whole = { action: definition.name, account, workflow, cycle, task, plugin, args: args.data }
  const parsed = ask.safeParse(JSON.parse(JSON.stringify(whole)))
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error))
  // Before anything is recorded: a larger one fits no grant.
  if (Buffer.byteLength(JSON.stringify(parsed.data)) > askMaxBytes)
    throw new SeneschalError('input.too-large')
  return parsed.data
}

/** Arguments as their action's rules leave them; those of plugins are not ours to know, so their names stay. */
const auditedArgs = (definition: Action, args: Ask['args']): Record<string, unknown> | null => {
  const kept = Object.entries(args).flatMap(([name, value]): (readonly [string, unknown])[] => {
    const rule = definition.audit[name] ?? 'hide'
    if (rule === 'skip') return []
    return [[name, rule === 'keep' ? value : '(hidden)']]
  })
  return kept.length === 0 ? null : Object.fromEntries(kept)
}

export const actionsRoutes =
  (parts: ActionsParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { gate, policy, servers, signer, audit } = parts
    const rateLimit = {
      max: parts.perMinute,
      timeWindow: 60_000,
      keyGenerator: (request: FastifyRequest) => gate.viewer(request).person,
      // A count would tell two answers apart that are to look alike.
      addHeaders: noCounts,
      addHeadersOnExceeding: noCounts,
    }

    const entryFor = (
      viewer: Viewer,
      definition: Action,
      asked: Ask,
      id: string,
      reason: string | undefined,
    ) => ({
      person: viewer.person,
      session: viewer.session,
      address: viewer.address,
      account: asked.account,
      workflow: asked.workflow ?? null,
      cycle: asked.cycle ?? null,
      task: asked.task ?? null,
      action: asked.action,
      args: auditedArgs(definition, asked.args),
      reason: reason ?? null,
      request: id,
    })

    const handOver = async (request: FastifyRequest, asked: Ask, id: string, reason: string | undefined) => {
      await servers.ensure(asked.account, gate.viewer(request))
      // A start takes a while: session, privileges or the right may be gone by now.
      const viewer = await gate.again(request)
      const grant = await signer.grant(viewer, {
        id,
        ask: asked,
        reason,
        policy: policy.snapshot(asked.account)?.version ?? 0,
        audit: audit.head(),
      })
      await handOverGrant(parts, viewer, asked.account, { id, grant })
    }

    app.post<{ Params: Params }>(
      '/api/accounts/:account/actions/:action',
      { config: { kind: ACTION, wants, rateLimit } },
      async (request, reply) => {
        const viewer = gate.viewer(request)
        const { account } = request.params
        const definition = definitionOf(request.params.action)
        const body = bodyOf(request)
        const asked = parseAsk(definition, account, body)
        const id = parts.newId()
        const entry = entryFor(viewer, definition, asked, id, body.reason)
        await audit.record({ ...entry, event: 'action.intended', outcome: 'allowed' } satisfies AuditEntry)
        try {
          await handOver(request, asked, id, body.reason)
        } catch (thrown) {
          const { code, message } = asSeneschalError(thrown)
          await audit.record({
            ...entry,
            event: 'action.not-sent',
            outcome: 'failed',
            code,
            reason: message.slice(0, 1000),
          } satisfies AuditEntry)
          throw thrown
        }
        reply.code(202)
        return { request: id }
      },
    )
  }
