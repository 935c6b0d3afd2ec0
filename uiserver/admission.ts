/** The one door of this server: who asks, and whether they may. No route answers without having passed it. */
import type { IncomingMessage } from 'node:http'
import { decide } from '../policy/decide.ts'
import { tellDecision } from '../policy/words.ts'
import { type ErrorCode, SeneschalError } from '../protocol/errors.ts'
import type { PermissionAction } from '../protocol/permissions.ts'
import { scopeOf } from '../protocol/script-tokens.ts'
import type { Verifier } from '../wire/tokens.ts'
import type { Viewer } from './exchange.ts'
import type { Model } from './model.ts'
import type { Permissions } from './permissions.ts'

/** What it takes to be answered, about one workflow. */
export type Need = {
  readonly action: PermissionAction
  /** Undefined where the path names nothing that could be there. */
  readonly workflow: string | undefined
  /** The one answer for what is hidden and for what does not exist. */
  readonly hidden: ErrorCode
}

export type Admission = {
  /** Throws `token.invalid` for a request without a good assertion for this very server. */
  readonly identify: (request: IncomingMessage) => Promise<Viewer>
  readonly identifyToken: (token: string) => Promise<Viewer>
  /** Throws the code of `hidden`, `permission.denied` or `permission.stale`. */
  readonly admit: (viewer: Viewer, need: Need) => void
  /** Whether it may be done; elevation is not considered. */
  readonly may: (viewer: Viewer, action: PermissionAction, workflow: string | undefined) => boolean
}

const bearer = /^Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/

export const createAdmission = (parts: {
  readonly account: string
  readonly audience: string
  readonly verifier: Pick<Verifier, 'verifyAssertion'>
  readonly permissions: Permissions
  readonly model: Model
}): Admission => {
  const { account, audience, verifier, permissions, model } = parts

  const identifyToken = async (token: string): Promise<Viewer> => {
    const assertion = await verifier.verifyAssertion(token, audience)
    const { sub: name, groups, scope } = assertion
    const who = { kind: 'person', name, groups, ...(scope && { scope: scopeOf(scope, account) }) } as const
    return { assertion, who }
  }

  const may: Admission['may'] = ({ who }, action, workflow) => {
    const snapshot = permissions.snapshot()
    return snapshot !== undefined && decide(snapshot, { who, action, account, workflow }).allowed
  }

  return {
    identifyToken,
    identify: async ({ headersDistinct }) => {
      const given = headersDistinct.authorization ?? []
      const token = given.length === 1 ? bearer.exec(given[0] ?? '')?.[1] : undefined
      if (token === undefined) throw new SeneschalError('token.invalid')
      return identifyToken(token)
    },
    may,
    admit: (viewer, { action, workflow, hidden }) => {
      const snapshot = permissions.snapshot()
      if (snapshot === undefined) throw new SeneschalError('permission.stale')
      const visible = workflow !== undefined && may(viewer, 'view', workflow)
      if (!visible || model.get('workflow', workflow) === undefined) throw new SeneschalError(hidden)
      const decision = decide(snapshot, { who: viewer.who, action, account, workflow })
      if (!decision.allowed) throw new SeneschalError('permission.denied', tellDecision(decision))
    },
  }
}
