/** What of a server's life stands in the audit log, and by whom; without a viewer nobody asked for it. */
import type { AuditEntry } from '../../protocol/audit.ts'
import type { SeneschalError } from '../../protocol/errors.ts'
import type { Audit, Log, Viewer } from '../context.ts'

export type ServerRecords = {
  /** Before anything is started. Rejects where it cannot be recorded: no record, no action. */
  readonly intended: (viewer: Viewer | undefined) => Promise<void>
  readonly spawned: (viewer: Viewer | undefined) => Promise<void>
  readonly failed: (error: SeneschalError, viewer: Viewer | undefined) => Promise<void>
  /** Without having been stopped. */
  readonly ended: (code: string | null, reason: string) => Promise<void>
  /** By an administrator, or without one because it was of another version; `moved`: to come up on another host. */
  readonly stopped: (viewer: Viewer | undefined, why?: { readonly tail: string }) => Promise<void>
}

export const createServerRecords = (
  account: string,
  parts: { readonly audit: Pick<Audit, 'record'>; readonly log: Log },
): ServerRecords => {
  const byWhom = (viewer: Viewer | undefined) =>
    viewer === undefined ? {} : { person: viewer.person, session: viewer.session, address: viewer.address }
  /** What has happened has happened; where it cannot be recorded, the hub's own log says so. */
  const record = async (entry: Omit<AuditEntry, 'account'>, viewer?: Viewer): Promise<void> => {
    try {
      await parts.audit.record({ ...byWhom(viewer), account, ...entry })
    } catch (err) {
      parts.log.error({ err, account, event: entry.event }, 'this could not be recorded')
    }
  }
  /** Ends the sentence of what no person asked for. */
  const unasked = (viewer: Viewer | undefined, tail: string) => (viewer === undefined ? { tail } : {})

  /** Recorded, and not yet fulfilled: tries that follow by themselves are part of it. */
  let isIntended = false
  /** As it was last recorded: what is tried again and again by itself is recorded when it changes. */
  let trouble: string | null = null
  return {
    intended: async (viewer) => {
      if (viewer === undefined && isIntended) return
      const tail = unasked(viewer, 'its server again')
      await parts.audit.record({
        ...byWhom(viewer),
        account,
        event: 'server.intended',
        outcome: 'allowed',
        ...tail,
      })
      isIntended = true
    },
    spawned: (viewer) => {
      trouble = null
      isIntended = false
      return record(
        { event: 'server.spawned', outcome: 'done', ...unasked(viewer, 'its server again') },
        viewer,
      )
    },
    failed: async ({ code, message }, viewer) => {
      if (viewer === undefined && trouble === code) return
      trouble = code
      await record(
        {
          event: 'server.failed',
          outcome: 'failed',
          code,
          reason: message.slice(0, 1000),
          ...unasked(viewer, 'its server'),
        },
        viewer,
      )
    },
    ended: (code, reason) => record({ event: 'server.ended', outcome: 'done', code, reason }),
    stopped: (viewer, why) => record({ event: 'server.stopped', outcome: 'done', ...why }, viewer),
  }
}
