/** What of a server's life stands in the audit log, and by whom; without a viewer nobody asked for it. */
import type { AuditEntry } from '../../protocol/audit.ts'
import type { SeneschalError } from '../../protocol/errors.ts'
import type { Audit, Log, Viewer } from '../context.ts'

export type ServerRecords = {
  readonly spawned: (viewer: Viewer | undefined) => Promise<void>
  readonly failed: (error: SeneschalError, viewer: Viewer | undefined) => Promise<void>
  /** Without having been stopped. */
  readonly ended: (code: string | null, reason: string) => Promise<void>
  readonly stopped: (viewer: Viewer) => Promise<void>
}

export const createServerRecords = (
  account: string,
  parts: { readonly audit: Pick<Audit, 'record'>; readonly log: Log },
): ServerRecords => {
  /** Reading goes on without an audit log, and so does opening what is read; the hub's own log says so. */
  const record = async (entry: Omit<AuditEntry, 'account'>, viewer?: Viewer): Promise<void> => {
    const by =
      viewer === undefined ? {} : { person: viewer.person, session: viewer.session, address: viewer.address }
    try {
      await parts.audit.record({ ...by, account, ...entry })
    } catch (err) {
      parts.log.error({ err, account, event: entry.event }, 'this could not be recorded')
    }
  }
  /** Ends the sentence of what no person asked for. */
  const unasked = (viewer: Viewer | undefined, tail: string) => (viewer === undefined ? { tail } : {})

  return {
    spawned: (viewer) =>
      record({ event: 'server.spawned', outcome: 'done', ...unasked(viewer, 'its server again') }, viewer),
    failed: ({ code, message }, viewer) =>
      record(
        {
          event: 'server.failed',
          outcome: 'failed',
          code,
          reason: message.slice(0, 1000),
          ...unasked(viewer, 'its server'),
        },
        viewer,
      ),
    ended: (code, reason) => record({ event: 'server.ended', outcome: 'done', code, reason }),
    stopped: (viewer) => record({ event: 'server.stopped', outcome: 'done' }, viewer),
  }
}
