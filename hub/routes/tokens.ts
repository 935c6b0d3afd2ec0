/** Tokens of scripts: their person makes, lists and revokes them; administrators list and revoke anybody's. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { milliseconds } from '../../config/schemas.ts'
import type { AuditEntry } from '../../protocol/audit.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { closeCodes } from '../../protocol/frames.ts'
import { formatId } from '../../protocol/ids.ts'
import { type TokenRow, type TokenScope, tokenCreate, tokenSession } from '../../protocol/script-tokens.ts'
import { randomWord } from '../auth/secrets.ts'
import type { ScriptTokens } from '../auth/tokens.ts'
import type { HubConfig } from '../config.ts'
import {
  ADMIN,
  type Audit,
  CHANGE,
  type Clock,
  type Gate,
  type LiveSockets,
  PAGE,
  type PolicyView,
  type SiteView,
  type Viewer,
} from '../context.ts'
import { keptOut } from '../gate/checks/admitted.ts'
import { parseBody } from '../parse.ts'
import { mayView, mayViewAnything } from '../visible.ts'

export type TokensParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly tokens: ScriptTokens
  readonly site: SiteView
  readonly policy: PolicyView
  readonly allowAccountNames: readonly string[]
  readonly audit: Pick<Audit, 'record'>
  readonly live: Pick<LiveSockets, 'close'>
  readonly config: HubConfig['tokens']
  readonly now: Clock
}

/** Of one person at once: a script that makes tokens in a loop ends there. */
const most = 50

const saidOf = ({ reads, on }: TokenScope): string =>
  `for ${reads.join(', ')} of ${on === null ? 'all that they may view' : on.map(formatId).join(', ')}`

export const tokensRoutes =
  (parts: TokensParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { gate, tokens, site, policy, audit, live, now } = parts
    const longest = milliseconds(parts.config.longest)
    const usual = Math.min(milliseconds(parts.config.lasts), longest)
    const lasts = { default: usual, most: longest }

    /** What somebody may not see can be named in no token, and looks like what is not there. */
    const mustSee = (viewer: Viewer, { on }: TokenScope) => {
      for (const { account, workflow } of on ?? []) {
        if (!mayViewAnything({ site, policy }, viewer, account)) throw new SeneschalError('account.unknown')
        if (workflow === undefined) continue
        if (site.summary(account, workflow) === undefined || !mayView(policy, viewer, account, workflow))
          throw new SeneschalError('workflow.unknown')
      }
    }
    const entry = (viewer: Viewer, row: Pick<TokenRow, 'token' | 'name'>, more: string): AuditEntry => ({
      event: 'token.revoked',
      outcome: 'done',
      person: viewer.person,
      session: viewer.session,
      address: viewer.address,
      args: { token: row.token },
      tail: `${row.name} (${row.token})${more}`,
    })
    const revoke = async (request: FastifyRequest, mine: boolean): Promise<void> => {
      const viewer = gate.viewer(request)
      const { token } = request.params as { token: string }
      const listed = await tokens.list(mine ? viewer.person : undefined)
      const row = listed.find((one) => one.token === token && one.state !== 'revoked')
      if (row === undefined) throw new SeneschalError('token.unknown')
      await audit.record(entry(viewer, row, row.person === viewer.person ? '' : ` of ${row.person}`))
      await tokens.revoke(token, viewer.person)
      live.close((socket) => socket.session === tokenSession(token), closeCodes.sessionEnded)
    }

    app.get('/api/tokens', { config: { kind: PAGE } }, async (request, reply) => {
      reply.header('cache-control', 'no-store')
      return { tokens: await tokens.list(gate.viewer(request).person), lasts }
    })

    app.post('/api/tokens', { config: { kind: CHANGE } }, async (request, reply) => {
      const { name, scope, lasts: wanted = usual, addresses } = parseBody(tokenCreate, request.body)
      const viewer = gate.viewer(request)
      const { person } = viewer
      const code = keptOut(viewer, parts)
      if (code !== undefined) throw new SeneschalError(code)
      if (wanted > longest)
        throw new SeneschalError('input.invalid', `A token is good for ${parts.config.longest} at most.`)
      mustSee(viewer, scope)
      const open = (await tokens.list(person)).filter(({ state }) => state === 'good' || state === 'asleep')
      if (open.length >= most)
        throw new SeneschalError('input.invalid', `You have ${most} tokens: revoke some first.`)
      const token = randomWord(10)
      const createdAt = now()
      const expiresAt = createdAt + wanted
      const until = `${saidOf(scope)} until ${new Date(expiresAt).toISOString()}`
      await audit.record({ ...entry(viewer, { token, name }, ` ${until}`), event: 'token.created' })
      const made = await tokens.create({
        ...{ token, name, person, scope, createdAt, expiresAt },
        addresses: addresses ?? null,
      })
      return reply.code(201).header('cache-control', 'no-store').send(made)
    })

    app.delete('/api/tokens/:token', { config: { kind: CHANGE } }, async (request, reply) => {
      await revoke(request, true)
      return reply.code(204).send()
    })

    app.get('/api/admin/tokens', { config: { kind: ADMIN } }, async (_request, reply) => {
      reply.header('cache-control', 'no-store')
      return { tokens: await tokens.list(), lasts }
    })

    app.delete('/api/admin/tokens/:token', { config: { kind: ADMIN } }, async (request, reply) => {
      await revoke(request, false)
      return reply.code(204).send()
    })
  }
