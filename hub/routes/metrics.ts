/** `/metrics` for Prometheus: counts only, no names of people, accounts or workflows, and from this host only. */
import type { FastifyInstance } from 'fastify'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { SeneschalError } from '../../protocol/errors.ts'
import { serverStates } from '../../protocol/rows.ts'
import { type AddressOf, cameThroughProxy } from '../address.ts'
import {
  type Audit,
  type LiveSockets,
  type PolicyView,
  PUBLIC,
  type Servers,
  type SiteView,
} from '../context.ts'

export type MetricsParts = {
  readonly addressOf: AddressOf
  readonly live: Pick<LiveSockets, 'count'>
  readonly policy: Pick<PolicyView, 'fresh'>
  readonly site: Pick<SiteView, 'accounts' | 'daemons'>
  readonly servers: Pick<Servers, 'row' | 'queue'>
  readonly audit: Pick<Audit, 'onRecord'>
}

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.')

const createMetrics = ({ live, policy, site, servers, audit }: MetricsParts): Registry => {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'seneschal_hub_sockets',
    help: 'Open sockets of browsers.',
    registers,
    collect() {
      this.set(live.count())
    },
  })
  new Gauge({
    name: 'seneschal_hub_permissions_fresh',
    help: '1 while the (first) daemon confirmed the permission snapshot within 60 s; actions are refused at 0.',
    registers,
    collect() {
      this.set(policy.fresh() ? 1 : 0)
    },
  })
  new Gauge({
    name: 'seneschal_hub_daemons',
    help: 'Daemons by whether they were heard of lately; what a silent one runs is shown as it was.',
    labelNames: ['state'],
    registers,
    collect() {
      const silent = site.daemons().filter((row) => row.silent).length
      this.set({ state: 'heard' }, site.daemons().length - silent)
      this.set({ state: 'silent' }, silent)
    },
  })
  new Gauge({
    name: 'seneschal_hub_servers',
    help: 'UI servers by state.',
    labelNames: ['state'],
    registers,
    collect() {
      const states = site.accounts().map(({ account }) => servers.row(account).state)
      for (const state of serverStates) this.set({ state }, states.filter((each) => each === state).length)
    },
  })
  new Gauge({
    name: 'seneschal_hub_server_starts',
    help: 'Starts of UI servers: under way, and waiting for their turn.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, count] of Object.entries(servers.queue())) this.set({ state }, count)
    },
  })
  const records = new Counter({
    name: 'seneschal_hub_audit_records_total',
    help: 'Audit records, of this hub and those that daemons published, by event and outcome.',
    labelNames: ['event', 'outcome'],
    registers,
  })
  audit.onRecord(({ event, outcome }) => records.inc({ event, outcome }))
  return registry
}

export const metricsRoutes =
  (parts: MetricsParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const registry = createMetrics(parts)
    app.get('/metrics', { config: { kind: PUBLIC } }, async (request, reply) => {
      // A proxy on this host that nobody listed is loopback itself, whoever asks it.
      if (cameThroughProxy(request.raw) || !isLoopback(parts.addressOf(request.raw)))
        throw new SeneschalError('route.unknown')
      reply.header('content-type', registry.contentType).header('cache-control', 'no-store')
      return registry.metrics()
    })
  }
