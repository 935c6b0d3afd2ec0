/**
 * `GET /api/explain?person=&action=&account=&workflow=`: allowed or not, and why; `/api/explain/all` of every action. About oneself on what one may
 * see; about others for owners of the account, administrators and auditors. Everything else gets one answer.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod/mini'
import { isOwner, rolesOf } from '../../policy/roles.ts'
import type { Decision } from '../../policy/types.ts'
import type { ExplainAllBody, ExplainBody } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { accountName, personName, workflowName } from '../../protocol/ids.ts'
import { isPermissionAction, type PermissionAction, permissionActions } from '../../protocol/permissions.ts'
import { type Audit, type Gate, PAGE, type PolicyView, type SiteView, type Viewer } from '../context.ts'
import { mayView, mayViewAnything, whoIs } from '../visible.ts'

export type ExplainParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly site: SiteView
  readonly policy: PolicyView
  readonly audit: Pick<Audit, 'record'>
  /** Groups of another person, from the latest session; undefined for somebody never seen. */
  readonly groupsOf: (person: string) => Promise<readonly string[] | undefined>
}

const query = z.object({
  person: z.optional(personName),
  action: z.string().check(z.refine(isPermissionAction)),
  account: accountName,
  workflow: z.optional(workflowName),
})
type Asked = {
  readonly person: string
  readonly action: PermissionAction
  readonly account: string
  readonly workflow: string | undefined
}

const parse = (given: unknown, viewer: Viewer): Asked => {
  const parsed = query.safeParse(given)
  if (!parsed.success || !isPermissionAction(parsed.data.action))
    throw new SeneschalError('explain.forbidden')
  const { person, action, account, workflow } = parsed.data
  return { person: person ?? viewer.person, action, account, workflow }
}

const present = (asked: Asked, decision: Decision): ExplainBody => ({
  ...asked,
  workflow: asked.workflow ?? null,
  allowed: decision.allowed,
  layer: decision.layer ?? null,
  file: decision.file ?? null,
  line: decision.line ?? null,
  rule: decision.rule ?? null,
  principal: decision.principal ?? null,
  reason: decision.reason,
  elevation: decision.elevation ?? null,
})

export const explainRoutes =
  ({ gate, site, policy, audit, groupsOf }: ExplainParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const exists = ({ account, workflow }: Asked): boolean =>
      site.account(account) !== undefined &&
      (workflow === undefined || site.summary(account, workflow) !== undefined)

    const mayAskAboutOthers = (viewer: Viewer, account: string): boolean => {
      const snapshot = policy.snapshot(account)
      if (snapshot === undefined) return false
      const who = whoIs(viewer)
      const roles = rolesOf(snapshot, who)
      return roles.includes('admin') || roles.includes('auditor') || isOwner(snapshot, who, account)
    }
    const mayAskAboutOneself = (viewer: Viewer, { account, workflow }: Asked): boolean =>
      workflow === undefined
        ? mayViewAnything({ site, policy }, viewer, account)
        : mayView(policy, viewer, account, workflow)

    type Answering = { readonly asked: Asked; readonly groups: readonly string[] }
    /** Who asks about whom, if they may; the same refusal for all else. */
    const admit = async (request: FastifyRequest, tail: (asked: Asked) => string): Promise<Answering> => {
      const viewer = gate.viewer(request)
      const asked = parse(request.query, viewer)
      const { person, account, workflow } = asked
      const others = mayAskAboutOthers(viewer, account)
      const oneself = person === viewer.person
      // All is asked before anything is refused: what is hidden takes as long as what is not there.
      const groups = oneself ? viewer.groups : await groupsOf(person)
      const may = others || (oneself && mayAskAboutOneself(viewer, asked))
      if (!exists(asked) || !may || groups === undefined) throw new SeneschalError('explain.forbidden')
      if (!oneself)
        await audit.record({
          event: 'explain.asked',
          outcome: 'done',
          person: viewer.person,
          session: viewer.session,
          address: viewer.address,
          account,
          workflow: workflow ?? null,
          tail: tail(asked),
        })
      return { asked, groups }
    }
    const answer = ({ asked, groups }: Answering): ExplainBody => {
      const { person, action, account, workflow } = asked
      return present(asked, policy.decide({ who: whoIs({ person, groups }), action, account, workflow }))
    }

    app.get(
      '/api/explain',
      { config: { kind: PAGE } },
      async (request): Promise<ExplainBody> =>
        answer(await admit(request, ({ person, action }) => `about ${person} and ${action}`)),
    )

    app.get('/api/explain/all', { config: { kind: PAGE } }, async (request): Promise<ExplainAllBody> => {
      request.query = { ...(request.query as object), action: 'view' }
      const { asked, groups } = await admit(request, ({ person }) => `about ${person} and everything`)
      return { answers: permissionActions.map((action) => answer({ asked: { ...asked, action }, groups })) }
    })
  }
