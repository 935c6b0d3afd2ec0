/** `/api/accounts/:account/server`: start or revive an account's UI server, stop it, watch it happen. */
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ProgressEvent } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import {
  ADMIN,
  type Audit,
  CHANGE,
  type Gate,
  type LiveSockets,
  PAGE,
  type PolicyView,
  type Servers,
  type SiteView,
  type Wants,
} from '../context.ts'
import { groupsLookEvery } from '../groups.ts'
import { mayViewAnything } from '../visible.ts'

export type ServerParts = {
  readonly gate: Pick<Gate, 'viewer' | 'current'>
  readonly site: SiteView
  readonly policy: PolicyView
  readonly servers: Servers
  readonly live: LiveSockets
  readonly audit: Pick<Audit, 'record'>
  /** Keeps proxies from ending a quiet stream, and looks whether its reader still may, ms. */
  readonly pingEvery?: number
}

type Request = FastifyRequest<{ Params: { account: string } }>

/** What a reader may leave unread, bytes: more than one start has to say. */
const patience = 256 * 1024

const accountOf = (request: FastifyRequest): string => (request as Request).params.account
const wants = (request: FastifyRequest): Wants => ({
  action: 'view',
  account: accountOf(request),
  anywhere: true,
})

const eventText = (event: ProgressEvent): string => `event: progress\ndata: ${JSON.stringify(event)}\n\n`

export const serverRoutes =
  ({ gate, site, policy, servers, live, audit, pingEvery = groupsLookEvery }: ServerParts) =>
  async (app: FastifyInstance): Promise<void> => {
    app.post('/api/accounts/:account/server', { config: { kind: CHANGE, wants } }, async (request, reply) => {
      const viewer = gate.viewer(request)
      const account = accountOf(request)
      // It may take a while: how it goes is told by the row, by progress and on the wall.
      servers
        .ensure(account, viewer)
        .catch((err) => request.log.info({ err, account }, 'a server that was asked for did not start'))
      reply.code(202)
      return servers.row(account)
    })

    app.delete('/api/accounts/:account/server', { config: { kind: ADMIN } }, async (request, reply) => {
      const account = accountOf(request)
      if (site.account(account) === undefined) throw new SeneschalError('account.unknown')
      const viewer = gate.viewer(request)
      const { person, session, address } = viewer
      await audit.record({
        event: 'server.stop-intended',
        outcome: 'allowed',
        person,
        session,
        address,
        account,
      })
      await servers.stop(account, viewer)
      reply.code(204)
    })

    app.get(
      '/api/accounts/:account/server/progress',
      { config: { kind: PAGE, wants } },
      async (request, reply: FastifyReply) => {
        let viewer = gate.viewer(request)
        const account = accountOf(request)
        const stream = new Readable({ read: () => undefined })
        let over = false
        const push = (text: string | null) => {
          if (over) return
          over = text === null || stream.readableLength > patience
          stream.push(over ? null : text)
        }
        const unwatch = servers.watch(account)
        const unlisten = servers.onProgress(account, (event) => push(eventText(event)))
        const leave = live.add({
          session: viewer.session,
          person: viewer.person,
          account,
          close: () => push(null),
        })
        const look = () => {
          if (!mayViewAnything({ site, policy }, viewer, account)) push(null)
        }
        const unlook = policy.onChange(look)
        /** Session and groups too: they are told to nobody when they change. */
        const renew = async () => {
          const current = await gate.current(viewer)
          if (current === undefined) return push(null)
          viewer = current
          look()
          push(': \n\n')
        }
        const tryToRenew = () => {
          renew().catch((err: unknown) => {
            request.log.warn({ err, account }, 'whether somebody may still follow a start cannot be told')
            push(null)
          })
        }
        const pinging = setInterval(tryToRenew, pingEvery)
        pinging.unref()
        // The session may have ended between the gate and here.
        tryToRenew()
        stream.once('close', () => {
          over = true
          clearInterval(pinging)
          leave()
          unlook()
          unlisten()
          unwatch()
        })
        reply.header('content-type', 'text/event-stream').header('cache-control', 'no-store')
        return reply.send(stream)
      },
    )
  }
