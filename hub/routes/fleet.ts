/** The fleet: UI servers, the hosts they run on, and taking a host out of service. Each act is recorded before it happens. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { SeneschalError } from '../../protocol/errors.ts'
import {
  condemnAsk,
  type HostsBody,
  type HostsRow,
  hostInPath,
  migrationAsk,
  type ServersBody,
} from '../../protocol/fleet.ts'
import type { HostView } from '../../spawners/contract.ts'
import {
  ADMIN,
  type Audit,
  type Clock,
  type Gate,
  type LiveSockets,
  type PolicyView,
  type Servers,
  type SiteView,
  type Viewer,
} from '../context.ts'
import { parseBody } from '../parse.ts'
import type { Condemned } from '../servers/condemned.ts'
import type { HostHistory } from '../servers/host-history.ts'
import type { Migrations } from '../servers/migrations.ts'

export type FleetParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly site: Pick<SiteView, 'account'>
  readonly policy: Pick<PolicyView, 'snapshot'>
  readonly servers: Pick<Servers, 'list' | 'queue' | 'leftOn' | 'ensure' | 'row' | 'log'>
  readonly live: Pick<LiveSockets, 'viewers'>
  readonly audit: Pick<Audit, 'record'>
  readonly condemned: Condemned
  readonly history: Pick<HostHistory, 'of' | 'refresh'>
  readonly migrations: Migrations
  /** Those among which spawners choose. */
  readonly hosts: () => readonly HostView[]
  readonly now: Clock
}

const by = ({ person, session, address }: Viewer) => ({ person, session, address, outcome: 'done' as const })

export const fleetRoutes =
  (parts: FleetParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { gate, servers, condemned, migrations, audit, now } = parts
    const config = { kind: ADMIN } as const

    const mustKnowAccount = (request: FastifyRequest): string => {
      const { account } = request.params as { account: string }
      if (parts.site.account(account) === undefined) throw new SeneschalError('account.unknown')
      return account
    }
    const mustKnowHost = (request: FastifyRequest): HostView => {
      const { host } = request.params as { host: string }
      const found = hostInPath.safeParse(host).success
        ? parts.hosts().find((one) => one.host === host)
        : undefined
      if (found === undefined) throw new SeneschalError('host.unknown')
      return found
    }
    const whyCondemned = ({ host, condemned: byConfiguration }: HostView): HostsRow['condemned'] => {
      const found = condemned.list().find((one) => one.host === host)
      if (found !== undefined) return { reason: found.reason, by: found.by, at: found.at }
      return byConfiguration ? { reason: null, by: null, at: null } : null
    }

    app.get('/api/admin/servers', { config }, async (_request, reply): Promise<ServersBody> => {
      reply.header('cache-control', 'no-store')
      const viewers = parts.live.viewers()
      return {
        servers: servers
          .list()
          .map(({ watched: _, found, ...row }) => ({ row, found, viewers: viewers.get(row.account) ?? [] })),
        queue: servers.queue(),
        now: now(),
      }
    })

    app.post('/api/admin/servers/:account', { config }, async (request, reply) => {
      const account = mustKnowAccount(request)
      servers
        .ensure(account, gate.viewer(request))
        .catch((err) => request.log.info({ err, account }, 'a server that was asked for did not start'))
      reply.code(202)
      return servers.row(account)
    })

    app.get('/api/admin/servers/:account/log', { config }, async (request, reply) => {
      const account = mustKnowAccount(request)
      reply.header('cache-control', 'no-store')
      return { lines: await servers.log(account) }
    })

    app.get('/api/admin/hosts', { config }, async (_request, reply): Promise<HostsBody> => {
      reply.header('cache-control', 'no-store')
      parts.history.refresh()
      const locked = new Set(parts.policy.snapshot()?.locks.hosts)
      const on = Map.groupBy(servers.list(), (row) => row.host)
      return {
        hosts: parts.hosts().map((view) => ({
          ...{ host: view.host, labels: view.labels, downUntil: view.downUntil, measured: view.measured },
          condemned: whyCondemned(view),
          locked: locked.has(view.host),
          servers: on.get(view.host)?.length ?? 0,
          left: servers.leftOn(view.host),
          history: parts.history.of(view.host),
          migration: migrations.of(view.host) ?? null,
        })),
        now: now(),
      }
    })

    app.post('/api/admin/hosts/:host/condemned', { config }, async (request, reply) => {
      const { host } = mustKnowHost(request)
      const { reason } = parseBody(condemnAsk, request.body)
      const viewer = gate.viewer(request)
      await audit.record({ event: 'host.condemned', ...by(viewer), reason, args: { host }, tail: host })
      await condemned.condemn(host, { reason, by: viewer.person })
      return reply.code(204).send()
    })

    app.delete('/api/admin/hosts/:host/condemned', { config }, async (request, reply) => {
      const { host } = mustKnowHost(request)
      if (!condemned.list().some((one) => one.host === host)) throw new SeneschalError('host.not-condemned')
      await audit.record({ event: 'host.restored', ...by(gate.viewer(request)), args: { host }, tail: host })
      await condemned.restore(host)
      return reply.code(204).send()
    })

    app.post('/api/admin/hosts/:host/migrate', { config }, async (request, reply) => {
      const view = mustKnowHost(request)
      const { which } = parseBody(migrationAsk, request.body)
      // Else they would come up where they were.
      if (whyCondemned(view) === null) throw new SeneschalError('host.not-condemned')
      const viewer = gate.viewer(request)
      const { host } = view
      const tail = `${which === 'all' ? 'all servers' : 'idle servers'} away from ${host}`
      await audit.record({ event: 'host.migrated', ...by(viewer), args: { host, which }, tail })
      return reply.code(202).send({ servers: migrations.begin(host, which, viewer) })
    })
  }
