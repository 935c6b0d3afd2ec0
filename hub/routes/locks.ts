/** Locks: administrators set and lift them. Each act is recorded before it happens. */
import type { FastifyInstance } from 'fastify'
import { type LocksBody, lockCreate } from '../../protocol/api.ts'
import { SeneschalError } from '../../protocol/errors.ts'
import { type LockTarget, nameOfLock } from '../../protocol/locks.ts'
import { ADMIN, type Audit, type Clock, type Gate, type PolicyView, type Viewer } from '../context.ts'
import type { Locks } from '../locks/keeper.ts'
import type { LockOrders } from '../locks/orders.ts'
import { parseBody } from '../parse.ts'

export type LocksParts = {
  readonly gate: Pick<Gate, 'viewer'>
  readonly locks: Locks
  readonly orders: Pick<LockOrders, 'state'>
  readonly policy: PolicyView
  readonly audit: Pick<Audit, 'record'>
  readonly now: Clock
}

const by = ({ person, session, address }: Viewer, on: LockTarget, reason: string) => ({
  person,
  session,
  address,
  outcome: 'done' as const,
  reason,
  account: on.kind === 'account' ? on.name : null,
})

/** The list changes nothing, but tells names: it needs the role and the elevation, too. */
export const locksRoutes =
  (parts: LocksParts) =>
  async (app: FastifyInstance): Promise<void> => {
    const { gate, locks, policy, audit, now } = parts
    const config = { kind: ADMIN } as const

    /** Those of site files and of daemons' own hosts are in force here too, and are lifted where they were set. */
    const elsewhere = (): LocksBody['elsewhere'] => {
      const own = locks.names()
      const { persons, accounts, hosts } = policy.snapshot()?.locks ?? own
      const others = (all: readonly string[], mine: readonly string[]) =>
        all.filter((name) => !mine.includes(name))
      return {
        persons: others(persons, own.persons),
        accounts: others(accounts, own.accounts),
        hosts: others(hosts, own.hosts),
      }
    }

    /** Somebody who locks themself out by a slip of the hand cannot undo it. */
    const mustMean = (viewer: Viewer, on: LockTarget, sure: boolean): void => {
      if (sure || on.kind !== 'person') return
      const snapshot = policy.snapshot()
      const isAdmin =
        snapshot?.roles.admin.includes(`user:${on.name}`) === true && snapshot.roles.admin.length === 1
      if (on.name === viewer.person || isAdmin) throw new SeneschalError('lock.own')
    }

    app.get('/api/admin/locks', { config }, async (_request, reply): Promise<LocksBody> => {
      reply.header('cache-control', 'no-store')
      return { locks: locks.list(), elsewhere: elsewhere(), daemons: parts.orders.state(), now: now() }
    })

    app.post('/api/admin/locks', { config }, async (request, reply) => {
      const { on, reason, minutes, sure } = parseBody(lockCreate, request.body)
      const viewer = gate.viewer(request)
      mustMean(viewer, on, sure === true)
      const id = locks.newId()
      const until = minutes === undefined ? null : now() + minutes * 60_000
      await audit.record({
        event: 'lock.set',
        ...by(viewer, on, reason),
        args: { lock: id, until },
        tail: nameOfLock(on),
      })
      const made = await locks.set(id, on, { reason, until, by: viewer.person })
      return reply.code(201).header('cache-control', 'no-store').send(made)
    })

    app.delete('/api/admin/locks/:lock', { config }, async (request, reply) => {
      const { lock: id } = request.params as { lock: string }
      const found = locks.list().find((one) => one.id === id)
      if (found === undefined) throw new SeneschalError('lock.unknown')
      const viewer = gate.viewer(request)
      await audit.record({
        event: 'lock.lifted',
        ...by(viewer, found, found.reason),
        args: { lock: id },
        tail: nameOfLock(found),
      })
      await locks.lift(id)
      return reply.code(204).send()
    })
  }
